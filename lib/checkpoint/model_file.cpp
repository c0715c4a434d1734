#include "checkpoint/model_file.hpp"

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "checkpoint/metadata.hpp"
#include "core/error.hpp"
#include "io/safetensors.hpp"

namespace fluxsbi::checkpoint {

namespace {

const std::string model_kind = "model";

// What the names of a member's arrays begin with, counted from 1.
std::string prefix_of(size_t member) {
  return "member_" + std::to_string(member + 1) + "/";
}

const std::string teacher_prefix = "teacher/";

bool has_regression(const ModelFile& model) {
  return !model.regression.empty() || std::any_of(model.members.begin(), model.members.end(), has_regression);
}

// The oldest format that says all of the model: what older programs can read.
int64_t format_of(const ModelFile& model) {
  if (model.teacher) return model_format;
  if (has_regression(model)) return 4;
  if (!model.members.empty()) return 3;
  return has_asinh(model.theta) || has_asinh(model.x) ? 2 : 1;
}

io::Arrays arrays_of(const ModelFile& model) {
  io::Arrays arrays = model.weights;
  for (size_t m = 0; m < model.members.size(); ++m) {
    for (const auto& [name, array] : model.members[m].weights) arrays.emplace(prefix_of(m) + name, array);
  }
  if (model.teacher) {
    for (const auto& [name, array] : model.teacher->weights) arrays.emplace(teacher_prefix + name, array);
  }
  return arrays;
}

bool same_variables(const ModelFile& a, const ModelFile& b) {
  return a.theta_names == b.theta_names && a.x_names == b.x_names &&
         a.shape.theta_channels == b.shape.theta_channels && a.shape.x_channels == b.shape.x_channels &&
         a.shape.x_grid == b.shape.x_grid && a.shape.has_gaps() == b.shape.has_gaps();
}

// Takes those whose names begin with the prefix, without it.
io::Arrays take_prefixed(io::Arrays& arrays, const std::string& prefix) {
  io::Arrays taken;
  for (auto at = arrays.lower_bound(prefix); at != arrays.end() && at->first.starts_with(prefix);
       at = arrays.erase(at))
    taken.emplace(at->first.substr(prefix.size()), std::move(at->second));
  return taken;
}

// Gives each member, and the teacher, its arrays. Throws std::invalid_argument for one without, and for
// arrays of none.
void take_arrays(io::Arrays arrays, ModelFile& model) {
  if (model.teacher) {
    auto teacher = std::make_shared<ModelFile>(*model.teacher);
    teacher->weights = take_prefixed(arrays, teacher_prefix);
    if (teacher->weights.empty())
      throw std::invalid_argument("the model is a student, and its teacher's weights are missing");
    model.teacher = std::move(teacher);
  }
  if (model.members.empty()) {
    model.weights = std::move(arrays);
    return;
  }
  for (size_t m = 0; m < model.members.size(); ++m) {
    model.members[m].weights = take_prefixed(arrays, prefix_of(m));
    if (model.members[m].weights.empty())
      throw std::invalid_argument("it holds no weights of member " + std::to_string(m + 1) + " of " +
                                  std::to_string(model.members.size()));
  }
  if (!arrays.empty())
    throw std::invalid_argument("'" + arrays.begin()->first + "' belongs to none of its " +
                                std::to_string(model.members.size()) + " members");
}

}  // namespace

ModelFile join_members(std::vector<ModelFile> members, const std::string& config) {
  core::require(members.size() > 1, "an ensemble has two members or more");
  const ModelFile& first = members.front();
  ModelFile ensemble = first;
  ensemble.weights.clear();
  ensemble.config = config;
  ensemble.validation_loss = 0;
  int64_t steps = 0;
  for (size_t m = 0; m < members.size(); ++m) {
    if (!same_variables(members[m], first))
      throw core::UserError("member " + std::to_string(m + 1) +
                            " of the ensemble was trained on other variables than member 1; train it again");
    steps += members[m].step;
    ensemble.validation_loss += members[m].validation_loss / static_cast<double>(members.size());
    members[m].reference = {};
  }
  ensemble.step = steps / std::ssize(members);
  ensemble.members = std::move(members);
  return ensemble;
}

void save_model(const std::string& path, const ModelFile& model) {
  io::Safetensors file;
  file.arrays = arrays_of(model);
  write_metadata(file, model_kind, format_of(model), model.config, to_json(model));
  io::save_safetensors(path, file);
}

ModelFile load_model(const std::string& path) {
  Content content = load_content(path, model_kind, model_format);
  return naming_damage(path, "take another copy of it or train again", [&] {
    ModelFile model = model_from_json(content.json);
    take_arrays(std::move(content.arrays), model);
    model.config = std::move(content.config);
    return model;
  });
}

std::string find_model(const std::string& run_or_file, std::string& note) {
  namespace fs = std::filesystem;
  note.clear();
  std::error_code ignored;
  if (fs::is_regular_file(run_or_file, ignored)) return run_or_file;
  if (!fs::is_directory(run_or_file, ignored)) {
    throw core::UserError(run_or_file + " does not exist; give a run folder or a model.safetensors file");
  }
  const std::string model = run_or_file + "/model.safetensors",
                    best = run_or_file + "/checkpoints/best.safetensors";
  if (fs::is_regular_file(model, ignored)) return model;
  if (fs::is_regular_file(best, ignored)) {
    note = run_or_file + " has not finished training: using its best weights so far, " + best;
    return best;
  }
  if (fs::is_directory(run_or_file + "/members", ignored))
    throw core::UserError(run_or_file +
                          " is an ensemble whose members have not all finished training; continue it with "
                          "'fluxsbi resume " +
                          run_or_file + "', or use one member alone: " + run_or_file + "/members/1");
  throw core::UserError(run_or_file +
                        " holds no model: neither model.safetensors (written when training has ended) nor " +
                        "checkpoints/best.safetensors (written with the first checkpoint); train it first");
}

}  // namespace fluxsbi::checkpoint
