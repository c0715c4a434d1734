#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "data_arguments.hpp"
#include "experiment/recommendation.hpp"
#include "idle_options.hpp"
#include "io/atomic_file.hpp"
#include "io/output.hpp"
#include "io/overwritten_input.hpp"

namespace fluxsbi::app {

namespace {

struct RecommendArguments {
  std::string config;
  DataArguments data;
  std::string model;
  std::vector<std::string> assignments;
  OutputArgument output;
};

config::Value given_document(const RecommendArguments& arguments) {
  config::Value document = arguments.config.empty() ? config::parse_yaml("{}", "the command line")
                                                    : config::load_yaml(arguments.config);
  if (!experiment::leaves_training_open(document))
    throw core::UserError(arguments.config +
                          " says what is trained and how already: give a config with data, prior and "
                          "simulator alone, or none");
  put_into(arguments.data, document);
  if (!arguments.model.empty()) config::set_from_command_line(document, "strategy.model=" + arguments.model);
  for (const auto& assignment : arguments.assignments) config::set_from_command_line(document, assignment);
  return document;
}

int recommend(const RecommendArguments& arguments, const CLI::App& command) {
  if (arguments.output.path.empty())
    warn_idle(command, {"--force"}, "replaces the file of -o, which is not given: the config is printed");
  const std::string& output = arguments.output.path;
  require_one_source(arguments.data);
  if (!arguments.data.names_data() && arguments.config.empty() && arguments.assignments.empty()) {
    if (!arguments.model.empty() || !output.empty())
      throw core::UserError("a config needs data: name them with --data F or --task NAME");
    std::cout << experiment::recommendation_rules();
    return 0;
  }
  if (!output.empty()) {
    io::check_output(output, arguments.output.force, {".yaml", ".yml"});
    io::refuse_overwriting(output, {arguments.config});
  }
  const std::string config = experiment::recommend(given_document(arguments)).yaml();
  if (output.empty()) {
    std::cout << config;
  } else {
    io::write_text(output, config);
    core::log::info("wrote " + output + "; next: fluxsbi train " + output);
  }
  return 0;
}

}  // namespace

Action declare_recommend(CLI::App& app) {
  auto arguments = std::make_shared<RecommendArguments>();
  app.add_option("config", arguments->config, "a config with the sections data, prior and simulator alone");
  add_data(app, arguments->data);
  app.add_option("--model", arguments->model, "model to use instead of the one that the rules choose");
  app.add_option("--set", arguments->assignments,
                 "section.key=value, which goes before the recipe's choice, such as data.nan=drop, "
                 "data.names.theta=[mass,spin] or strategy.method=diffusion; may be repeated")
      ->allow_extra_args(true);
  app.add_option("-o,--output", arguments->output.path, "config file to write (.yaml; default: print it)");
  app.add_flag("--force", arguments->output.force, "replace the output if it exists");
  return [arguments, &app] { return recommend(*arguments, app); };
}

}  // namespace fluxsbi::app
