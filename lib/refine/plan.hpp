// What a refinement is to do: a request that was checked.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/value.hpp"
#include "data/prior/prior.hpp"
#include "data/shape.hpp"
#include "data/simulate/simulate_to_file.hpp"
#include "data/tasks/task.hpp"
#include "experiment/execution.hpp"
#include "refine/boxed_prior.hpp"

namespace fluxsbi::refine {

/// What `fluxsbi refine` is asked for.
struct RefinementRequest {
  std::string subject;  ///< config, or run folder whose rows and model are the first round; "": task alone
  std::string task;     ///< a built-in task in place of the config's simulator; "": none is named
  std::string x;        ///< file of the one observation
  std::string folder;   ///< where rounds and result are kept
  int64_t rounds = 3;
  int64_t simulations = 1000;            ///< of each round
  double epsilon = 1e-4;                 ///< of the posterior's mass that a region may leave out
  std::optional<int64_t> seed = {};      ///< in place of training.seed
  std::optional<int64_t> workers = {};   ///< that simulate side by side
  std::vector<std::string> assignments;  ///< "section.key=value" over the config
  bool force = false;                    ///< replace the refinement that the folder holds
  experiment::Execution execution = {};
};

inline constexpr int64_t fewest_simulations = 100;
inline constexpr double most_epsilon = 0.1;
/// So many rows are held out for the coverage, but at most a fifth, where the recipe chooses: its own 5 % of
/// few rows tell nothing.
inline constexpr int64_t held_out_rows = 60;
inline constexpr double most_held_out = 0.2;

/// The request with all that follows from its config and files.
struct RefinementPlan {
  config::Value document;          ///< for trainings on a file: the prior is told, data.file is left open
  bool by_recipe = false;          ///< the recipe chooses what is trained, anew for each round
  std::string run;                 ///< the first round's run folder, absolute; "": there is none
  data::SimulateRequest simulate;  ///< who simulates, from which prior; without output, number and seed
  std::shared_ptr<const data::Prior> prior;
  data::PriorTransform transform = data::PriorTransform::none;
  data::DataShape shape;
  std::vector<std::string> theta_names, x_names;
  std::vector<double> x;  ///< [x_size], the data's units
  uint64_t seed = 0;
  std::string description;  ///< one line; the same for refinements of which one goes on with the other

  /// The config of a training on a file of simulations. Unless all theta are draws of the prior (`of_prior`),
  /// its support alone takes its place: its ends hold samples, and the density of theta, a mixture of the
  /// prior and its parts in regions that no section can tell, is unknown (PriorKind::custom). A prior with a
  /// Dirichlet, whose support is no box, stays as it is.
  config::Value training_document(const std::string& file, bool of_prior) const;
};

/// Simulates one row where only this tells how many values x has. Throws UserError, and UserErrors for a
/// config, with all that can be wrong before the first round: numbers out of range, no simulator, no prior
/// that can be drawn from, an ensemble, a student, a run that is unfinished or simulated while it trained, an
/// observation that is not one row of as many finite numbers as the simulator gives.
RefinementPlan make_plan(const RefinementRequest& request);

}  // namespace fluxsbi::refine
