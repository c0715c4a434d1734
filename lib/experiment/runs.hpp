// What `train` and `resume` do, from a config to a trained run folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/value.hpp"
#include "data/data_options.hpp"
#include "experiment/execution.hpp"

namespace fluxsbi::experiment {

/// How the members of an ensemble are trained; of a single model without effect.
struct Members {
  /// The file of the program `fluxsbi`, of which each member is a process; "": one after another in this
  /// process.
  std::string program = {};
  /// Processes side by side; none: as many as the threads allow, one on a GPU.
  std::optional<int64_t> jobs = {};
};

/// Where a new run is kept and what computes it.
struct NewRun {
  std::string folder;
  bool force = false;  ///< replace a run that the folder holds
  Execution execution = {};
  Members members = {};
  /// The recipe chooses what the config does not say (recommendation.hpp); else the options' defaults hold.
  bool by_recipe = false;
  /// How long the command may take: the steps are fitted to it by a short measurement. None: as many steps
  /// as the config says; with the recipe, unless the config does, at most those that its own limit of time
  /// holds. The members of an ensemble share it. With the recipe, time that several models fill makes an
  /// ensemble, unless the config counts its members.
  std::optional<double> minutes = {};
};

/// Reads the whole config, logs its warnings and trains to the end (training_run.hpp). The steps that a
/// measurement chose stand in the run's config.yaml, so that resume and repeated trainings are exact.
/// Throws core::UserErrors for what is wrong with the config, UserError for a config that names no data, a
/// folder that holds a run, and all that start_training refuses; of an ensemble (training.ensemble) as
/// train_members does; core::Stopped when a signal asked to stop, after a checkpoint.
void start_run(const config::Value& config, const NewRun& run);

/// How a run is to go on.
struct Continuation {
  std::optional<int64_t> steps;   ///< a new total number of steps
  std::vector<std::string> data;  ///< where the data lie now; empty: where the run's config says
  bool restart_rate =
      false;  ///< the cosine schedule runs over the new total; else it never raises the rate again
  Members members = {};
};

/// Where data lie that were named by `paths` when the run was resumed; without paths nothing changes. Throws
/// UserError for other data than the run's kind, and for files that are not there.
void settle_data(const std::vector<std::string>& paths, data::DataOptions& data, const std::string& folder);

/// The same for a new run, whose data take the place of those that its config names; the paths become
/// absolute.
void place_data(const std::vector<std::string>& paths, data::DataOptions& data, const std::string& folder);

/// Goes on where the run's last checkpoint stands, or from step 0 where there is none. A run that has
/// finished is left as it is, and the log says so, unless `steps` asks for more. Where the data lie may have
/// changed, by `data` or in config.yaml: their checksum decides whether they are the same. Throws as
/// start_run does, for a path that is no run folder, and for data that are not where they were (naming
/// --data).
void resume_run(const std::string& folder, const Continuation& how, const Execution& execution);

}  // namespace fluxsbi::experiment
