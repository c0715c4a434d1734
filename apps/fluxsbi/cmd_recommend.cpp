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
#include "io/atomic_file.hpp"
#include "io/output.hpp"

namespace fluxsbi::app {

namespace {

struct RecommendArguments {
  DataArguments data;
  std::string model;
  std::vector<std::string> assignments;
  OutputArgument output;
};

int recommend(const RecommendArguments& arguments) {
  const std::string& output = arguments.output.path;
  require_one_source(arguments.data);
  if (!arguments.data.names_data()) {
    if (!arguments.model.empty() || !output.empty())
      throw core::UserError("a config needs data: name them with --data F or --task NAME");
    std::cout << experiment::recommendation_rules();
    return 0;
  }
  for (const auto& assignment : arguments.assignments) {
    if (!assignment.starts_with("data."))
      throw core::UserError("--set " + assignment +
                            ": recommend takes keys of the section data alone; set others in " +
                            "the config that it writes, or when you train");
  }
  if (!output.empty()) io::check_output(output, arguments.output.force, {".yaml", ".yml"});
  const std::string config =
      experiment::recommended_config(data_options(arguments.data, arguments.assignments), arguments.model);
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
  add_data(app, arguments->data);
  app.add_option("--model", arguments->model, "model to use instead of the one that the cards choose");
  app.add_option("--set", arguments->assignments,
                 "data.key=value, what the config is to say of the data, such as data.nan=drop or "
                 "data.names.theta=[mass,spin]; may be repeated")
      ->allow_extra_args(true);
  app.add_option("-o,--output", arguments->output.path, "config file to write (.yaml; default: print it)");
  app.add_flag("--force", arguments->output.force, "replace the output if it exists");
  return [arguments] { return recommend(*arguments); };
}

}  // namespace fluxsbi::app
