// What `train` and `resume` do, from a config to a trained run folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/value.hpp"
#include "experiment/execution.hpp"

namespace fluxsbi::experiment {

/// Where a new run is kept and what computes it.
struct NewRun {
  std::string folder;
  bool force = false;  ///< replace a run that the folder holds
  Execution execution;
};

/// Reads the whole config, logs its warnings and trains to the end (training_run.hpp). Throws
/// core::UserErrors for what is wrong with the config, UserError for a config that names no data, a folder
/// that holds a run, and all that start_training refuses; core::Stopped when a signal asked to stop, after a
/// checkpoint.
void start_run(const config::Value& config, const NewRun& run);

/// How a run is to go on.
struct Continuation {
  std::optional<int64_t> steps;   ///< a new total number of steps
  std::vector<std::string> data;  ///< where the data lie now; empty: where the run's config says
  bool restart_rate =
      false;  ///< the cosine schedule runs over the new total; else it never raises the rate again
};

/// Goes on where the run's last checkpoint stands, or from step 0 where there is none. A run that has
/// finished is left as it is, and the log says so, unless `steps` asks for more. Where the data lie may have
/// changed, by `data` or in config.yaml: their checksum decides whether they are the same. Throws as
/// start_run does, for a path that is no run folder, and for data that are not where they were (naming
/// --data).
void resume_run(const std::string& folder, const Continuation& how, const Execution& execution);

}  // namespace fluxsbi::experiment
