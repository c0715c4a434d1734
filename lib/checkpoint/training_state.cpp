#include "checkpoint/training_state.hpp"

#include <algorithm>
#include <filesystem>

#include "checkpoint/metadata.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "io/safetensors.hpp"

namespace fluxsbi::checkpoint {

namespace {

namespace fs = std::filesystem;

const std::string checkpoint_kind = "checkpoint";
const std::string folder_name = "checkpoints";
constexpr std::string_view prefix = "step_", suffix = ".safetensors";
constexpr size_t step_digits = 8;

// Steps of the checkpoints in a folder, newest first.
std::vector<int64_t> steps_in(const std::string& run) {
  std::vector<int64_t> steps;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(fs::path(run) / folder_name, problem)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix) || !name.ends_with(suffix)) continue;
    const std::string digits = name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
    if (digits.size() < step_digits || digits.size() > 18) continue;
    if (digits.find_first_not_of("0123456789") != std::string::npos) continue;
    steps.push_back(std::stoll(digits));
  }
  std::sort(steps.rbegin(), steps.rend());
  return steps;
}

void remove_old(const std::string& run, int64_t keep) {
  const auto steps = steps_in(run);
  for (size_t i = static_cast<size_t>(keep); i < steps.size(); ++i) {
    std::error_code ignored;  // a file that cannot be removed costs space, not correctness
    fs::remove(state_path(run, steps[i]), ignored);
  }
}

// The oldest format that says all of the state.
int64_t format_of_state(const ModelFile& model) {
  if (model.teacher) return checkpoint_format;
  if (!model.regression.empty()) return 3;
  return has_asinh(model.theta) || has_asinh(model.x) ? 2 : 1;
}

}  // namespace

double scalar_or(const TrainingState& state, const std::string& name, double otherwise) {
  const auto found = state.scalars.find(name);
  return found == state.scalars.end() ? otherwise : found->second;
}

double scalar(const TrainingState& state, const std::string& name) {
  const auto found = state.scalars.find(name);
  if (found == state.scalars.end()) {
    throw core::UserError("the checkpoint of step " + std::to_string(state.step) + " is incomplete ('" +
                          name + "' is missing); delete it, so that an older one is taken");
  }
  return found->second;
}

std::string state_path(const std::string& run, int64_t step) {
  std::string digits = std::to_string(step);
  if (digits.size() < step_digits) digits.insert(0, step_digits - digits.size(), '0');
  return run + "/" + folder_name + "/" + std::string(prefix) + digits + std::string(suffix);
}

std::string best_path(const std::string& run) {
  return run + "/" + folder_name + "/best.safetensors";
}

void make_checkpoint_folder(const std::string& run) {
  std::error_code problem;
  fs::create_directories(fs::path(run) / folder_name, problem);
  if (problem)
    throw core::UserError("cannot create the folder " + run + "/" + folder_name + ": " + problem.message());
}

void save_state(const std::string& run, const TrainingState& state, int64_t keep) {
  make_checkpoint_folder(run);
  io::Safetensors file;
  file.arrays = state.arrays;
  write_metadata(file, checkpoint_kind, format_of_state(state.model), state.config,
                 {{"step", state.step},
                  {"seed", state.seed},
                  {"scalars", state.scalars},
                  {"metrics_bytes", state.metrics_bytes},
                  {"model", to_json(state.model)}});
  io::save_safetensors(state_path(run, state.step), file);
  remove_old(run, std::max<int64_t>(keep, 1));
}

TrainingState load_state(const std::string& path) {
  Content content = load_content(path, checkpoint_kind, checkpoint_format);
  return naming_damage(path, "delete it, so that an older one is taken", [&] {
    const nlohmann::json& json = content.json;
    TrainingState state;
    state.step = json.at("step");
    state.seed = json.at("seed");
    state.scalars = json.at("scalars").get<std::map<std::string, double>>();
    state.metrics_bytes = json.at("metrics_bytes");
    state.model = model_from_json(json.at("model"));
    state.model.config = content.config;
    state.config = std::move(content.config);
    state.arrays = std::move(content.arrays);
    return state;
  });
}

std::optional<TrainingState> load_latest_state(const std::string& run) {
  const auto steps = steps_in(run);
  for (const int64_t step : steps) {
    try {
      return load_state(state_path(run, step));
    } catch (const NewerVersion&) {
      throw;
    } catch (const core::UserError& problem) {
      core::log::warning(std::string(problem.what()) + "; trying an older checkpoint");
    }
  }
  if (!steps.empty()) {
    throw core::UserError("none of the " + std::to_string(steps.size()) + " checkpoints in " + run + "/" +
                          folder_name + " can be read; delete them to start again from step 0");
  }
  return std::nullopt;
}

}  // namespace fluxsbi::checkpoint
