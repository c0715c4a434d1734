// What a trained model says about one observation: draws, draws with finer steps, simulations at the draws.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "diagnose/evidence.hpp"
#include "diagnose/tests.hpp"
#include "evidence/gather.hpp"

namespace fluxsbi::evidence {

struct ObservedOptions {
  int64_t draws = 2000;       ///< of the posterior for each observation
  int64_t simulations = 200;  ///< at the first of these draws
  std::string run;            ///< the run folder, which names the simulator
  std::string likelihood =
      {};              ///< by which the draws are weighed (experiment::Correction); empty: run's task
  std::string folder;  ///< where these simulations are kept, as predictive_ROW.npz
};

/// Rows of x, with the names of their places for messages.
struct ObservedRows {
  std::vector<double> x;  ///< [rows, x_size]
  std::vector<std::string> names;
};

/// The rows of a file, or the one that `row` (from 0) means; -1: all, at most ten. Throws UserError for a
/// file that does not fit the model and for a row that is not there.
ObservedRows read_observed(const sample::Posterior& posterior, const std::string& file, int64_t row);

/// Draws theta for each row and does what `needs` ask for. Throws UserError where simulations are needed and
/// the run has no simulator, or none of them succeeds.
std::vector<diagnose::Observation> observe(sample::Posterior& posterior, const ObservedRows& rows,
                                           const diagnose::Needs& needs, const ObservedOptions& observed,
                                           const GatherOptions& options);

/// The likelihood by which draws are weighed: the one that is asked for, or the task of the run's config; "":
/// none is known, as of the values of x that a model sees where it does not see all (shape.x_places).
std::string likelihood_of(const ObservedOptions& observed, const data::DataShape& shape);

/// True where the run's config names a task or a command that can simulate.
bool can_simulate(const std::string& run);

}  // namespace fluxsbi::evidence
