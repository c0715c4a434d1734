#include <filesystem>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "common.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "experiment/training_run.hpp"
#include "number_range.hpp"

namespace fluxsbi::app {

namespace {

struct ResumeArguments {
  std::string run;
  experiment::Execution execution;
  std::optional<int64_t> steps;
};

int resume(const ResumeArguments& arguments) {
  const std::filesystem::path run(arguments.run);
  const auto config_path = run / "config.yaml";
  if (std::filesystem::is_regular_file(run)) {
    throw core::UserError(
        arguments.run +
        ": is a file; resume needs the run folder with its checkpoints, because weights alone hold no state "
        "of the training");
  }
  if (!std::filesystem::exists(config_path)) {
    throw core::UserError(arguments.run +
                          ": is not a run folder (no config.yaml in it); start one with fluxsbi train");
  }
  config::Value document = config::load_yaml(config_path.string());
  if (arguments.steps)
    config::set_from_command_line(document, "training.nsteps=" + std::to_string(*arguments.steps));
  experiment::Experiment experiment = experiment::read_experiment(document);
  auto state = checkpoint::load_latest_state(arguments.run);
  const bool finished = std::filesystem::exists(run / "model.safetensors");
  if (finished && !(state && arguments.steps && state->step < experiment.training.nsteps)) {
    core::log::info(arguments.run + ": the run has finished" +
                    (state ? " at step " + std::to_string(state->step) : std::string()) +
                    "; to train longer, use --steps with a larger total");
    return 0;
  }
  if (state) {  // options that the version which wrote it did not have stand at their defaults
    state->config = experiment::resolved_yaml(
        experiment::read_experiment(config::parse_yaml(state->config, "the checkpoint")));
  }
  core::log::info(state ? "resuming at step " + std::to_string(state->step)
                        : "no checkpoint yet: starting at step 0");
  set_up_threads();
  experiment::continue_training(arguments.run, std::move(experiment), arguments.execution, state);
  return 0;
}

}  // namespace

Action declare_resume(CLI::App& app) {
  auto arguments = std::make_shared<ResumeArguments>();
  app.add_option("run", arguments->run, "run folder")->required();
  app.add_option("--steps", arguments->steps, "new number of steps in total")->check(above_zero());
  add_execution(app, arguments->execution);
  return [arguments] { return resume(*arguments); };
}

}  // namespace fluxsbi::app
