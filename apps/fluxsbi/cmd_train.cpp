#include <filesystem>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "core/error.hpp"
#include "data_arguments.hpp"
#include "experiment/runs.hpp"

namespace fluxsbi::app {

namespace {

struct TrainArguments {
  std::string config, run;
  DataArguments data;
  experiment::Execution execution;
  std::vector<std::string> assignments;
  std::optional<int64_t> seed;
  bool online = false, force = false;
};

// --data, --task, --online and --seed are short forms of --set; the file's own source of data gives way to
// them.
void apply_arguments(const TrainArguments& arguments, config::Value& document) {
  require_one_source(arguments.data);
  if (!arguments.data.data.empty() && arguments.online)
    throw core::UserError(
        "give --data or --online, not both: --online makes its simulations while it trains");
  put_into(arguments.data, document);
  if (arguments.online) {
    forget_files(document);
    config::set_from_command_line(document, "data.online=true");
  }
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
  add_data(app, arguments->data);
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
