#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "common.hpp"
#include "config/rules.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "data/look/report.hpp"
#include "experiment/data_look.hpp"
#include "io/atomic_file.hpp"
#include "io/output.hpp"

namespace fluxsbi::app {

namespace {

struct CheckArguments {
  std::string config, data, task;
  experiment::Execution execution;
  std::vector<std::string> assignments;
  OutputArgument json;
};

// Without a config the model is the one that the cards choose for the data.
config::Value document_of(const CheckArguments& arguments) {
  if (!arguments.data.empty() && !arguments.task.empty())
    throw core::UserError(
        "give --data or --task, not both: simulations come from a file or from a built-in task");
  config::Value document = arguments.config.empty()
                               ? config::parse_yaml("strategy: {model: auto}", "command line")
                               : config::load_yaml(arguments.config);
  if (!arguments.data.empty() || !arguments.task.empty()) {
    for (const char* key : {"data.file", "data.theta_file", "data.x_file", "data.task"})
      config::set_from_command_line(document, std::string(key) + "=null");
    config::set_from_command_line(document, "data.files=[]");
    const std::string source = arguments.data.empty() ? "data.task=" + config::emit(arguments.task)
                                                      : "data.file=" + config::emit(arguments.data);
    config::set_from_command_line(document, source);
  }
  for (const auto& assignment : arguments.assignments) config::set_from_command_line(document, assignment);
  return document;
}

int check(const CheckArguments& arguments) {
  const std::string& json = arguments.json.path;
  if (!json.empty()) io::check_output(json, arguments.json.force, {".json"});
  const auto outcome = experiment::check_data(document_of(arguments), arguments.execution);
  const data::Look& look = outcome.look;
  std::cout << outcome.source << "\n" << data::summary_line(look) << "\n\n" << data::variable_table(look);
  if (!look.findings.empty()) std::cout << "\n";
  for (const data::Finding& finding : look.findings)
    std::cout << data::name_of(finding.severity) << ": " << finding.line() << "\n";
  std::cout.flush();
  if (!json.empty()) io::write_text(json, data::look_json(look));
  const bool failed = look.count(data::Severity::error) > 0;
  return static_cast<int>(failed ? core::ExitCode::diagnostic_failed : core::ExitCode::good);
}

}  // namespace

Action declare_check(CLI::App& app) {
  auto arguments = std::make_shared<CheckArguments>();
  app.add_option(
      "config", arguments->config,
      "config file (YAML) that the data are to be trained with (default: the model that the cards choose)");
  app.add_option("--data", arguments->data, "simulations: .npz or .h5 with theta and x, or .csv");
  app.add_option("--task", arguments->task, "built-in task to simulate, instead of --data");
  app.add_option("--set", arguments->assignments,
                 "section.key=value, which overrides the config; may be repeated")
      ->allow_extra_args(true);
  app.add_option("--json", arguments->json.path, "also write all facts and findings to this .json file");
  app.add_flag("--force", arguments->json.force, "replace the .json file if it exists");
  add_execution(app, arguments->execution);
  return [arguments] { return check(*arguments); };
}

}  // namespace fluxsbi::app
