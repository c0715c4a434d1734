#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "build_info.hpp"
#include "checkpoint/model_file.hpp"
#include "checkpoint/training_state.hpp"
#include "command.hpp"
#include "config/value.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "data/screening/use_x.hpp"
#include "info_line.hpp"
#include "io/files.hpp"
#include "io/lock.hpp"
#include "io/output.hpp"
#include "io/safetensors.hpp"
#include "manual.hpp"

namespace fluxsbi::app {

namespace {

void line(const std::string& name, const std::string& value) {
  std::cout << info_line(name, value);
}

int64_t parameter_count(const io::Arrays& weights) {
  int64_t count = 0;
  for (const auto& [name, array] : weights) count += array.elements();
  return count;
}

void print_size(const checkpoint::ModelFile& file) {
  if (file.members.empty()) {
    line("parameters", std::to_string(parameter_count(file.weights)));
    return;
  }
  line("ensemble", std::to_string(file.members.size()) + " members, which answer as the equal mixture");
  line("parameters", std::to_string(parameter_count(file.members.front().weights)) + " of each member");
}

std::string weights_text(const checkpoint::ModelFile& member) {
  return "step " + std::to_string(member.step) + ", validation loss " +
         core::number_text(member.validation_loss);
}

// What a student's config says of it. Only the section is read: this program may have no methods.
void print_student(const checkpoint::ModelFile& file) {
  if (!file.teacher) return;
  const config::Value config = config::parse_yaml(file.config, "the model's configuration");
  const auto key = [&](const char* name) {
    const config::Value* section = config.find("distillation");
    const config::Value* value = section ? section->find(name) : nullptr;
    return value ? value->scalar : std::string("?");
  };
  line("student", "draws with " + key("evaluations") + " evaluations of the network (sampling.spacing " +
                      key("spacing") + "), distilled with " + key("substeps") +
                      " evaluations of its teacher a jump");
  line("teacher", key("teacher") + ", " + weights_text(*file.teacher) +
                      "; its weights lie in this file, for densities and modes");
}

void print_model(const std::string& path) {
  const checkpoint::ModelFile file = checkpoint::load_model(path);
  line("model file", path + " (fluxsbi " + file.version + ")");
  print_size(file);
  print_student(file);
  line("infers", core::join(file.theta_names) + "  " +
                     core::shape_text(std::vector<int64_t>{file.shape.theta_dim, file.shape.theta_channels}));
  const bool has_x = file.shape.x_dim > 0;
  line("from", !has_x ? "nothing: trained without x"
                      : core::join(file.x_names) + "  " +
                            core::shape_text(std::vector<int64_t>{file.shape.x_dim, file.shape.x_channels}));
  if (!file.shape.x_places.empty()) line("sees", data::seen_text(file.shape, file.x_names));
  for (size_t m = 0; m < file.members.size(); ++m)
    line("member " + std::to_string(m + 1), weights_text(file.members[m]));
  if (file.members.empty() &&
      std::isfinite(file.validation_loss)) {  // an imported model was trained elsewhere
    line("step", std::to_string(file.step));
    line("validation loss", core::number_text(file.validation_loss));
  }
  for (const auto& [name, value] : file.remarks) line(name, value);
  std::cout << "\nconfiguration:\n" << file.config;
}

// "step 400, unfinished"
std::string state_of_member(const std::string& folder) {
  const auto state = checkpoint::load_latest_state(folder);
  const bool finished = std::filesystem::exists(std::filesystem::path(folder) / "model.safetensors");
  return (state ? "step " + std::to_string(state->step) : std::string("no checkpoint")) +
         (finished ? ", finished" : ", unfinished");
}

std::string state_of_run(const std::string& run, bool finished) {
  if (io::is_locked(run)) return "another fluxsbi command is writing it now";
  return finished ? "finished" : "unfinished; continue with: fluxsbi resume " + run;
}

// Members that have begun.
void print_members(const std::string& run) {
  for (int64_t number = 1;; ++number) {
    const std::string folder = run + "/members/" + std::to_string(number);
    if (!std::filesystem::exists(folder + "/config.yaml")) return;
    line("member " + std::to_string(number), state_of_member(folder));
  }
}

void print_run(const std::string& run) {
  line("run", run);
  const bool finished = std::filesystem::exists(std::filesystem::path(run) / "model.safetensors");
  if (std::filesystem::is_directory(run + "/members")) {
    line("state", state_of_run(run, finished));
    if (!finished) return print_members(run);
    std::string no_note;
    return print_model(checkpoint::find_model(run, no_note));
  }
  const auto state = checkpoint::load_latest_state(run);
  line("last checkpoint", state ? "step " + std::to_string(state->step) : "none");
  line("state", state_of_run(run, finished));
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

// Every option but the levels of the log asks about the build.
bool is_level(std::string_view word) {
  return word == "-q" || word == "--quiet" || word == "-v" || word == "--verbose";
}

// The rounds of a refinement, and its model once they have ended.
void print_refinement(const std::string& folder) {
  line("refinement", folder);
  int64_t rounds = 0;
  while (std::filesystem::exists(folder + "/rounds/" + std::to_string(rounds + 1) + "/round.json")) ++rounds;
  line("rounds that have finished", std::to_string(rounds));
  const std::string model = folder + "/model.safetensors";
  if (std::filesystem::exists(model)) return print_model(model);
  line("state", io::is_locked(folder) ? "another fluxsbi command is writing it now"
                                      : "unfinished; the command that began it goes on");
}

void print_path(const std::string& path) {
  if (std::filesystem::is_directory(path)) {
    if (std::filesystem::exists(path + "/refinement.json")) return print_refinement(path);
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

bool asks_about_build(std::span<char* const> words) {
  bool path = false;
  for (const std::string_view word : words) {
    if (word == "-h" || word == "--help") return false;
    if (is_level(word)) continue;
    if (word.starts_with("-")) return true;
    path = true;
  }
  return !path;
}

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
    if constexpr (with_network) {
      const CLI::App& program = *app.get_parent();
      const std::string text = arguments->manual           ? manual_page(program)
                               : !arguments->shell.empty() ? completions(program, arguments->shell)
                               : arguments->options        ? config_reference()
                               : arguments->path.empty()   ? build_description()
                                                           : "";
      std::cout << text;
      if (!text.empty()) return 0;
    }
    print_path(arguments->path);
    return 0;
  };
}

}  // namespace fluxsbi::app
