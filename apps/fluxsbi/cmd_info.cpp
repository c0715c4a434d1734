#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "checkpoint/model_file.hpp"
#include "checkpoint/training_state.hpp"
#include "command.hpp"
#include "core/commit.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "core/version.hpp"
#include "data/tasks/task.hpp"
#include "engine/choice.hpp"
#include "engine/device.hpp"
#include "experiment/experiment.hpp"
#include "io/files.hpp"
#include "io/output.hpp"
#include "io/safetensors.hpp"
#include "manual.hpp"
#include "sample/solver/solver.hpp"

namespace fluxsbi::app {

namespace {

void line(const std::string& name, const std::string& value) {
  std::cout << name << std::string(name.size() < 18 ? 18 - name.size() : 1, ' ') << value << "\n";
}

void print_machine() {
  line("fluxsbi", std::string(core::version) + " (commit " + std::string(core::source_commit()) + ", " +
                      core::compiler + ", " + core::build_type + ")");
  line("processor", core::cpu_description());
  line("memory", core::bytes_text(static_cast<double>(core::available_memory())) + " available");
  line("device", engine::choose_device("auto").sentence);
  line("engine", engine::default_engine_sentence());
  const auto list = [](const auto& rows) {
    std::string text;
    for (const auto& row : rows) text += (text.empty() ? "" : ", ") + std::string(row.name);
    return text;
  };
  line("models", list(model::models()));
  line("methods", list(method::methods()));
  line("solvers", list(sample::solvers()));
  line("tasks", list(data::tasks()));
}

int64_t parameter_count(const io::Arrays& weights) {
  int64_t count = 0;
  for (const auto& [name, array] : weights) count += array.elements();
  return count;
}

void print_model(const std::string& path) {
  const checkpoint::ModelFile file = checkpoint::load_model(path);
  line("model file", path + " (fluxsbi " + file.version + ")");
  line("parameters", std::to_string(parameter_count(file.weights)));
  line("infers", core::join(file.theta_names) + "  " +
                     core::shape_text(std::vector<int64_t>{file.shape.theta_dim, file.shape.theta_channels}));
  const bool has_x = file.shape.x_dim > 0;
  line("from", !has_x ? "nothing: trained without x"
                      : core::join(file.x_names) + "  " +
                            core::shape_text(std::vector<int64_t>{file.shape.x_dim, file.shape.x_channels}));
  if (std::isfinite(file.validation_loss)) {  // an imported model was trained elsewhere
    line("step", std::to_string(file.step));
    line("validation loss", core::number_text(file.validation_loss));
  }
  for (const auto& [name, value] : file.remarks) line(name, value);
  std::cout << "\nconfiguration:\n" << file.config;
}

void print_run(const std::string& run) {
  line("run", run);
  const auto state = checkpoint::load_latest_state(run);
  line("last checkpoint", state ? "step " + std::to_string(state->step) : "none");
  const bool finished = std::filesystem::exists(std::filesystem::path(run) / "model.safetensors");
  line("state", finished ? "finished" : "unfinished; continue with: fluxsbi resume " + run);
  std::string note;
  if (finished || state) {
    print_model(checkpoint::find_model(run, note));
  } else {
    std::cout << "\nno weights yet\n";
  }
}

bool is_model(const std::string& path) {
  if (io::extension_of(path) != ".safetensors") return false;
  const auto metadata = io::load_safetensors(path).metadata;
  const auto format = metadata.find("fluxsbi.format");
  return format != metadata.end() && format->second == "model";
}

void print_file(const std::string& path) {
  line("file", path);
  for (const auto& array : io::list_arrays(path)) {
    line("  " + array.name, array.problem.empty()
                                ? std::string(io::name_of(array.dtype)) + " " + core::shape_text(array.shape)
                                : "cannot be read (" + array.problem + ")");
  }
}

void info(const std::string& path, bool options) {
  if (options) {
    std::cout << experiment::option_reference();
  } else if (path.empty()) {
    print_machine();
  } else if (std::filesystem::is_directory(path)) {
    if (!std::filesystem::exists(std::filesystem::path(path) / "config.yaml")) {
      throw core::UserError(path + ": is not a run folder: it holds no config.yaml");
    }
    print_run(path);
  } else if (!std::filesystem::exists(path)) {
    throw core::UserError(path + ": does not exist; check the path");
  } else if (is_model(path)) {
    print_model(path);
  } else {
    print_file(path);
  }
}

}  // namespace

Action declare_info(CLI::App& app) {
  struct Arguments {
    std::string path, shell;
    bool options = false, manual = false;
  };
  auto arguments = std::make_shared<Arguments>();
  app.add_option("path", arguments->path,
                 "run folder, model.safetensors or data file; without it, the command describes this machine "
                 "and build");
  app.add_flag("--config-reference", arguments->options,
               "print the reference of all configuration keys in Markdown");
  app.add_flag("--man", arguments->manual, "print the manual page, for installing")->group("");
  app.add_option("--completions", arguments->shell, "print completions for bash, zsh or fish, for installing")
      ->group("");
  return [arguments, &app] {
    const CLI::App& program = *app.get_parent();
    if (arguments->manual) {
      std::cout << manual_page(program);
    } else if (!arguments->shell.empty()) {
      std::cout << completions(program, arguments->shell);
    } else {
      info(arguments->path, arguments->options);
    }
    return 0;
  };
}

}  // namespace fluxsbi::app
