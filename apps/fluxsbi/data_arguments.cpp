#include "data_arguments.hpp"

#include <utility>

#include <CLI/CLI.hpp>

#include "config/rules.hpp"
#include "core/error.hpp"
#include "experiment/recommendation.hpp"

namespace fluxsbi::app {

void add_data(CLI::App& app, DataArguments& arguments) {
  app.add_option("--data", arguments.data, "simulations: .npz or .h5 with theta and x, or text");
  app.add_option("--theta-key", arguments.theta_key,
                 "key of theta in .npz, path of its dataset in .h5 (data.theta_key)");
  app.add_option("--x-key", arguments.x_key, "the same for x (data.x_key)");
  app.add_option("--task", arguments.task, "built-in task to simulate, instead of --data");
}

void require_one_source(const DataArguments& arguments) {
  if (!arguments.data.empty() && !arguments.task.empty()) {
    throw core::UserError(
        "give --data or --task, not both: simulations come from a file or from a built-in task");
  }
  for (const auto& [option, key] :
       {std::pair{"--theta-key", arguments.theta_key}, std::pair{"--x-key", arguments.x_key}}) {
    if (!arguments.task.empty() && !key.empty())
      throw core::UserError(std::string(option) + " names an array of a file, and --task simulates: leave " +
                            option + " out, or name the file by --data");
  }
}

void forget_files(config::Value& document) {
  for (const char* key : {"data.file", "data.theta_file", "data.x_file"})
    config::set_from_command_line(document, std::string(key) + "=null");
  config::set_from_command_line(document, "data.files=[]");
}

void put_into(const DataArguments& arguments, config::Value& document) {
  const auto set = [&](const std::string& assignment) {
    config::set_from_command_line(document, assignment);
  };
  if (arguments.names_data()) forget_files(document);
  if (!arguments.data.empty()) {
    set("data.task=null");
    set("data.online=false");
    set("data.file=" + config::emit(arguments.data));
  }
  if (!arguments.task.empty()) set("data.task=" + config::emit(arguments.task));
  if (!arguments.theta_key.empty()) set("data.theta_key=" + config::emit(arguments.theta_key));
  if (!arguments.x_key.empty()) set("data.x_key=" + config::emit(arguments.x_key));
}

config::Value completed_document(const std::string& config, const DataArguments& arguments,
                                 const std::vector<std::string>& assignments, const std::string& purpose) {
  require_one_source(arguments);
  if (config.empty() && !arguments.names_data())
    throw core::UserError("nothing to " + purpose +
                          ": name a file with --data F, a built-in task with --task NAME, or a config");
  config::Value document =
      config.empty() ? config::parse_yaml("{}", "the command line") : config::load_yaml(config);
  const bool by_recipe = experiment::leaves_training_open(document);
  put_into(arguments, document);
  for (const std::string& assignment : assignments) config::set_from_command_line(document, assignment);
  return by_recipe ? experiment::recommend(document).document : document;
}

}  // namespace fluxsbi::app
