// What `train` and `resume` do, from a config to a trained run folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "config/value.hpp"
#include "experiment/execution.hpp"

namespace fluxsbi::experiment {

/// Where a new run is kept and what computes it.
struct NewRun {
  std::string folder;
  bool force = false;  ///< replace a run that the folder holds
  Execution execution;
};

/// Reads the whole config, logs its warnings and trains to the end (training_run.hpp). Throws core::UserErrors for
/// what is wrong with the config, UserError for a config that names no data, a folder that holds a run, and all that
/// start_training refuses; core::Stopped when a signal asked to stop, after a checkpoint.
void start_run(const config::Value& config, const NewRun& run);

/// Goes on where the run's last checkpoint stands, or from step 0 where there is none. `steps`: a new total number of
/// steps. A run that has finished is left as it is, and the log says so, unless `steps` asks for more. Throws as
/// start_run does, and for a path that is no run folder.
void resume_run(const std::string& folder, std::optional<int64_t> steps, const Execution& execution);

}  // namespace fluxsbi::experiment
