#include "checkpoint/model_file.hpp"

#include <filesystem>

#include "checkpoint/metadata.hpp"
#include "core/error.hpp"
#include "io/safetensors.hpp"

namespace fluxsbi::checkpoint {

namespace {

const std::string model_kind = "model";

}  // namespace

void save_model(const std::string& path, const ModelFile& model) {
  io::Safetensors file;
  file.arrays = model.weights;
  const bool newest = has_asinh(model.theta) || has_asinh(model.x);
  write_metadata(file, model_kind, newest ? model_format : 1, model.config, to_json(model));
  io::save_safetensors(path, file);
}

ModelFile load_model(const std::string& path) {
  Content content = load_content(path, model_kind, model_format);
  return naming_damage(path, "take another copy of it or train again", [&] {
    ModelFile model = model_from_json(content.json);
    model.weights = std::move(content.arrays);
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
  throw core::UserError(run_or_file +
                        " holds no model: neither model.safetensors (written when training has ended) nor " +
                        "checkpoints/best.safetensors (written with the first checkpoint); train it first");
}

}  // namespace fluxsbi::checkpoint
