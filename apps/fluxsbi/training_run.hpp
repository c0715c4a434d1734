// A run folder and what `train` and `resume` do with it.
#pragma once

#include <optional>
#include <string>

#include "checkpoint/training_state.hpp"
#include "experiment.hpp"

namespace fluxsbi::app {

/// Creates the run folder with config.yaml. Throws UserError if it holds a run already and `force` is not set; with
/// `force` the files of the old run are removed.
void create_run(const std::string& run, bool force);

/// Loads the data, fits the standardisers, builds the networks and trains to the end; writes config.yaml (resolved)
/// into the run folder before the training.
void run_training(const std::string& run, Experiment experiment, const std::string& device,
                  const std::optional<checkpoint::TrainingState>& state);

}  // namespace fluxsbi::app
