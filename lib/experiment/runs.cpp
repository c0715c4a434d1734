#include "experiment/runs.hpp"

#include <filesystem>
#include <utility>

#include "checkpoint/training_state.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "experiment/experiment.hpp"
#include "experiment/training_run.hpp"

namespace fluxsbi::experiment {

namespace {

// The run's own config, with another total of steps where one is asked for.
config::Value config_of_run(const std::string& folder, std::optional<int64_t> steps) {
  const std::filesystem::path config = std::filesystem::path(folder) / "config.yaml";
  if (std::filesystem::is_regular_file(folder)) {
    throw core::UserError(
        folder +
        ": is a file; resume needs the run folder with its checkpoints, because weights alone hold no state "
        "of the training");
  }
  if (!std::filesystem::exists(config)) {
    throw core::UserError(folder +
                          ": is not a run folder (no config.yaml in it); start one with fluxsbi train");
  }
  config::Value document = config::load_yaml(config.string());
  if (steps) config::set_from_command_line(document, "training.nsteps=" + std::to_string(*steps));
  return document;
}

}  // namespace

void start_run(const config::Value& config, const NewRun& run) {
  Experiment experiment = read_experiment(config);
  for (const auto& warning : experiment.warnings) core::log::warning(warning);
  const data::DataOptions& data = experiment.data;
  if (!data.has_source()) {
    throw core::UserError(config.place.file +
                          ": no data: name a file with --data F, a built-in task with --task NAME, or "
                          "data.file in the config");
  }
  check_run_folder(run.folder, run.force);
  use_all_threads();
  start_training(run.folder, std::move(experiment), run.execution);
}

void resume_run(const std::string& folder, std::optional<int64_t> steps, const Execution& execution) {
  Experiment experiment = read_experiment(config_of_run(folder, steps));
  auto state = checkpoint::load_latest_state(folder);
  const bool finished = std::filesystem::exists(std::filesystem::path(folder) / "model.safetensors");
  const bool longer = state && steps && state->step < experiment.training.nsteps;
  if (finished && !longer) {
    core::log::info(folder + ": the run has finished" +
                    (state ? " at step " + std::to_string(state->step) : std::string()) +
                    "; to train longer, use --steps with a larger total");
    return;
  }
  if (state) {  // options that the version which wrote it did not have stand at their defaults
    state->config = resolved_yaml(read_experiment(config::parse_yaml(state->config, "the checkpoint")));
  }
  core::log::info(state ? "resuming at step " + std::to_string(state->step)
                        : "no checkpoint yet: starting at step 0");
  use_all_threads();
  continue_training(folder, std::move(experiment), execution, state);
}

}  // namespace fluxsbi::experiment
