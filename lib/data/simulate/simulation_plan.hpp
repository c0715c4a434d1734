// What simulate_to_file is to do: a request that was checked.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/files/theta_rows.hpp"
#include "data/prior/prior.hpp"
#include "data/simulate/simulate.hpp"
#include "data/simulate/simulate_to_file.hpp"
#include "data/tasks/task.hpp"

namespace fluxsbi::data {

/// What is to be simulated, checked and built.
struct SimulationPlan {
  std::unique_ptr<Task> task;
  std::unique_ptr<Prior> own_prior;
  const Prior* prior = nullptr;     ///< may be null where theta is given
  std::optional<ThetaRows> given;   ///< rows of theta that come from a file,
  std::optional<ThetaDraws> draws;  ///< or from the prior
  int64_t dim = 0;                  ///< of theta
  int64_t rows = 0;
  std::vector<std::string> theta_names;
  std::string description;   ///< one line; the same for the same simulations
  std::string program;       ///< one line; the command and what its files hold, empty for a task
  std::string program_data;  ///< one line; the other files that the command names, empty without any
  int64_t batch = 0;
  std::vector<std::string> files;

  /// Writes theta of a row, [dim].
  void theta_of(int64_t row, std::span<double> theta) const;
};

/// Throws UserError: a number of simulations below 1, an output that is there, no simulator or two, no prior
/// to draw from, rows of theta that do not fit. Says how many given rows lie outside the prior.
SimulationPlan make_plan(const SimulateRequest& request);

/// Compares the program with the one that began OUT.partial, and notes it beside it. Throws UserError where
/// they differ, unless the request says what to do then.
void check_program(const SimulateRequest& request, const SimulationPlan& plan);
/// Removes the note where there is no partial output any more.
void forget_program(const std::string& output);

}  // namespace fluxsbi::data
