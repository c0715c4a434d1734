#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "data/look/report.hpp"
#include "data_arguments.hpp"
#include "experiment/data_look.hpp"
#include "idle_options.hpp"
#include "io/atomic_file.hpp"
#include "io/output.hpp"

namespace fluxsbi::app {

namespace {

struct CheckArguments {
  std::string config;
  DataArguments data;
  experiment::Execution execution;
  std::vector<std::string> assignments;
  OutputArgument json;
};

// Data that the command line names are looked at as they lie there, whatever the config says of online ones.
config::Value document_of(const CheckArguments& arguments) {
  std::vector<std::string> assignments = arguments.assignments;
  if (arguments.data.names_data()) assignments.insert(assignments.begin(), "data.online=false");
  return completed_document(arguments.config, arguments.data, assignments, "check");
}

int check(const CheckArguments& arguments, const CLI::App& command) {
  if (arguments.json.path.empty())
    warn_idle(command, {"--force"}, "replaces the file of --json, which is not given");
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
      "config file (YAML) that the data are to be trained with (default: the one that recommend writes)");
  add_data(app, arguments->data);
  app.add_option("--set", arguments->assignments,
                 "section.key=value, which overrides the config; may be repeated")
      ->allow_extra_args(true);
  app.add_option("--json", arguments->json.path, "also write all facts and findings to this .json file");
  app.add_flag("--force", arguments->json.force, "replace the .json file if it exists");
  add_execution(app, arguments->execution);
  return [arguments, &app] { return check(*arguments, app); };
}

}  // namespace fluxsbi::app
