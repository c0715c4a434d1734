#include <memory>
#include <optional>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "common.hpp"
#include "core/log.hpp"
#include "experiment/gensbi_import.hpp"
#include "io/output.hpp"
#include "io/overwritten_input.hpp"
#include "number_range.hpp"

namespace fluxsbi::app {

namespace {

struct ImportArguments {
  std::string program, path, config;
  experiment::GensbiImport import;
  OutputArgument output;
};

int import_command(ImportArguments& arguments) {
  auto& import = arguments.import;
  import.files = checkpoint::find_gensbi_files(arguments.path, arguments.config);
  OutputArgument& output = arguments.output;
  if (output.path.empty()) output.path = import.files.name + "_imported.safetensors";
  io::check_output(output.path, output.force, {".safetensors"});
  io::refuse_overwriting(output.path, {import.files.weights, import.files.config});
  const checkpoint::ModelFile model = experiment::import_gensbi(import);
  checkpoint::save_model(output.path, model);
  core::log::info("wrote " + output.path + " from " + import.files.weights + " and " + import.files.config);
  core::log::info(
      "an export holds no standardisation and no prior: give observations in the units that the "
      "network was trained in");
  core::log::info("next: fluxsbi sample " + output.path + " --x OBSERVATIONS -n 10000 -o samples.npz");
  return 0;
}

}  // namespace

Action declare_import(CLI::App& app) {
  auto arguments = std::make_shared<ImportArguments>();
  app.add_option("program", arguments->program, "the program that wrote the files: gensbi")
      ->required()
      ->check(CLI::IsMember({"gensbi"}));
  app.add_option("path", arguments->path, "exported weights (.safetensors), or the folder that holds them")
      ->required();
  app.add_option("--config", arguments->config,
                 "the YAML file that the model was built from (default: the one beside the weights)");
  auto& tokens = arguments->import.tokens;
  app.add_option("--obs-dim", tokens.obs, "number of tokens that are inferred, if no file says it")
      ->check(above_zero());
  app.add_option("--cond-dim", tokens.cond, "number of tokens that are conditioned on, if no file says it")
      ->check(at_least_zero());
  app.add_option("--name-theta", arguments->import.theta_names, "names of the inferred variables");
  app.add_option("--name-x", arguments->import.x_names, "names of the observed variables");
  app.add_option("-o,--output", arguments->output.path,
                 "model file to write (default: NAME_imported.safetensors)");
  app.add_flag("--force", arguments->output.force, "replace the output if it exists");
  return [arguments] { return import_command(*arguments); };
}

}  // namespace fluxsbi::app
