// A run folder and what `train` and `resume` do with it.
#pragma once

#include <optional>
#include <string>

#include "checkpoint/training_state.hpp"
#include "experiment/execution.hpp"
#include "experiment/experiment.hpp"

namespace fluxsbi::experiment {

/// Throws UserError unless a run may be started in this folder: it holds no file of one, or `force` is set.
void check_run_folder(const std::string& run, bool force);

/// Loads the data, fits the standardisers, builds the networks and trains to the end. The folder is made, and
/// the files of an old run in it removed, once all that can be wrong with config and data has been checked;
/// config.yaml (resolved) is written before the training.
void start_training(const std::string& run, Experiment experiment, const Execution& execution);

/// The same for a run that the folder holds, from `state` or, without a checkpoint, from step 0. Nothing is
/// removed.
void continue_training(const std::string& run, Experiment experiment, const Execution& execution,
                       const std::optional<checkpoint::TrainingState>& state);

}  // namespace fluxsbi::experiment
