#include <filesystem>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "common.hpp"
#include "config/rules.hpp"
#include "core/error.hpp"
#include "experiment/runs.hpp"

namespace fluxsbi::app {

namespace {

struct TrainArguments {
  std::string config, data, task, run, theta_key, x_key;
  experiment::Execution execution;
  std::vector<std::string> assignments;
  std::optional<int64_t> seed;
  bool online = false, force = false;
};

// --data, --task, --online and --seed are short forms of --set; the file's own source of data gives way to them.
void apply_arguments(const TrainArguments& arguments, config::Value& document) {
  if (!arguments.data.empty() && !arguments.task.empty()) {
    throw core::UserError(
        "give --data or --task, not both: simulations come from a file or from a built-in task");
  }
  if (!arguments.data.empty() && arguments.online)
    throw core::UserError(
        "give --data or --online, not both: --online makes its simulations while it trains");
  if (!arguments.data.empty() || !arguments.task.empty() || arguments.online) {
    for (const char* key : {"data.file", "data.theta_file", "data.x_file"}) {
      config::set_from_command_line(document, std::string(key) + "=null");
    }
    config::set_from_command_line(document, "data.files=[]");
  }
  if (!arguments.data.empty()) {
    config::set_from_command_line(document, "data.task=null");
    config::set_from_command_line(document, "data.online=false");
  }
  if (arguments.online) config::set_from_command_line(document, "data.online=true");
  if (!arguments.data.empty())
    config::set_from_command_line(document, "data.file=" + config::emit(arguments.data));
  if (!arguments.task.empty())
    config::set_from_command_line(document, "data.task=" + config::emit(arguments.task));
  if (!arguments.theta_key.empty())
    config::set_from_command_line(document, "data.theta_key=" + config::emit(arguments.theta_key));
  if (!arguments.x_key.empty())
    config::set_from_command_line(document, "data.x_key=" + config::emit(arguments.x_key));
  if (arguments.seed)
    config::set_from_command_line(document, "training.seed=" + std::to_string(*arguments.seed));
  for (const auto& assignment : arguments.assignments) config::set_from_command_line(document, assignment);
}

int train(const TrainArguments& arguments) {
  config::Value document = config::load_yaml(arguments.config);
  apply_arguments(arguments, document);
  const std::string run = arguments.run.empty()
                              ? "runs/" + std::filesystem::path(arguments.config).stem().string()
                              : arguments.run;
  experiment::start_run(document, {run, arguments.force, arguments.execution});
  return 0;
}

}  // namespace

Action declare_train(CLI::App& app) {
  auto arguments = std::make_shared<TrainArguments>();
  app.add_option("config", arguments->config, "config file (YAML)")->required();
  app.add_option("--data", arguments->data, "simulations: .npz or .h5 with theta and x, or text");
  app.add_option("--theta-key", arguments->theta_key,
                 "key of theta in .npz, path of its dataset in .h5 (data.theta_key)");
  app.add_option("--x-key", arguments->x_key, "the same for x (data.x_key)");
  app.add_option("--task", arguments->task, "built-in task to simulate, instead of --data");
  app.add_flag("--online", arguments->online,
               "simulate while training, by the task or by the config's simulator.command");
  app.add_option("-o,--output", arguments->run, "run folder (default: runs/NAME of the config)");
  app.add_option("--set", arguments->assignments,
                 "section.key=value, which overrides the config; may be repeated")
      ->allow_extra_args(true);
  add_execution(app, arguments->execution);
  app.add_option("--seed", arguments->seed,
                 "seed of the data, the initial weights and the noise (training.seed)");
  app.add_flag("--force", arguments->force, "replace a run that the folder holds");
  return [arguments] { return train(*arguments); };
}

}  // namespace fluxsbi::app
