#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "common.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "experiment/recommendation.hpp"
#include "io/atomic_file.hpp"
#include "io/output.hpp"

namespace fluxsbi::app {

namespace {

struct RecommendArguments {
  std::string data, task, model, theta_key, x_key;
  OutputArgument output;
};

int recommend(const RecommendArguments& arguments) {
  const std::string& output = arguments.output.path;
  if (!arguments.data.empty() && !arguments.task.empty())
    throw core::UserError("give --data or --task, not both");
  if (arguments.data.empty() && arguments.task.empty()) {
    if (!arguments.model.empty() || !output.empty())
      throw core::UserError("a config needs data: name them with --data F or --task NAME");
    std::cout << experiment::recommendation_rules();
    return 0;
  }
  if (!output.empty()) io::check_output(output, arguments.output.force, {".yaml", ".yml"});
  data::DataOptions source;
  (arguments.task.empty() ? source.file : source.task) =
      arguments.task.empty() ? arguments.data : arguments.task;
  if (!arguments.theta_key.empty()) source.theta_key = arguments.theta_key;
  if (!arguments.x_key.empty()) source.x_key = arguments.x_key;
  const std::string config = experiment::recommended_config(source, arguments.model);
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
  app.add_option("--data", arguments->data, "simulations: .npz or .h5 with theta and x, or text");
  app.add_option("--theta-key", arguments->theta_key, "key of theta in .npz, path of its dataset in .h5");
  app.add_option("--x-key", arguments->x_key, "the same for x");
  app.add_option("--task", arguments->task, "built-in task, instead of --data");
  app.add_option("--model", arguments->model, "model to use instead of the one that the cards choose");
  app.add_option("-o,--output", arguments->output.path, "config file to write (.yaml; default: print it)");
  app.add_flag("--force", arguments->output.force, "replace the output if it exists");
  return [arguments] { return recommend(*arguments); };
}

}  // namespace fluxsbi::app
