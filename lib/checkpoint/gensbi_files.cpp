#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <string_view>
#include <vector>

#include "checkpoint/gensbi_export.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "io/safetensors.hpp"

namespace fluxsbi::checkpoint {

namespace {

namespace fs = std::filesystem;

// Which of several files of one name is taken; the averaged weights are GenSBI's own choice.
constexpr std::array<std::string_view, 3> suffixes{"_ema", "", "_raw"};

struct ModelClass {
  std::string_view theirs, ours;
};
constexpr std::array model_classes{ModelClass{"Flux1", "flux1"}, ModelClass{"Flux1Joint", "flux1joint"},
                                   ModelClass{"Simformer", "simformer"}};

/// "a/model_ema.safetensors" -> "model"
std::string name_of(const fs::path& weights) {
  const std::string stem = weights.stem().string();
  for (const std::string_view suffix : suffixes) {
    if (!suffix.empty() && stem.size() > suffix.size() && stem.ends_with(suffix))
      return stem.substr(0, stem.size() - suffix.size());
  }
  return stem;
}

std::vector<fs::path> files_of(const fs::path& folder, const std::vector<std::string>& extensions) {
  std::vector<fs::path> found;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(folder.empty() ? "." : folder, problem)) {
    const std::string extension = entry.path().extension().string();
    if (std::find(extensions.begin(), extensions.end(), extension) != extensions.end())
      found.push_back(entry.path());
  }
  if (problem) throw core::UserError(folder.string() + ": cannot be read: " + problem.message());
  std::sort(found.begin(), found.end());
  return found;
}

std::string list(const std::vector<fs::path>& paths) {
  std::vector<std::string> names;
  for (const auto& path : paths) names.push_back(path.filename().string());
  return core::join(names);
}

/// False for a safetensors file of other things, which may stand beside the weights: samples, a run's inputs.
/// A file that cannot be read counts, so that its damage is reported.
bool may_be_weights(const fs::path& file) {
  try {
    const auto arrays = io::list_safetensors(file.string());
    return std::any_of(arrays.begin(), arrays.end(),
                       [](const io::ArrayInfo& array) { return array.name.ends_with(".kernel"); });
  } catch (const core::UserError&) {
    return true;
  }
}

fs::path weights_in(const fs::path& folder) {
  auto files = files_of(folder, {".safetensors"});
  std::erase_if(files, [](const fs::path& file) { return !may_be_weights(file); });
  if (files.empty()) {
    throw core::UserError(
        folder.string() +
        ": holds no .safetensors file with weights; export the model from GenSBI (its training "
        "checkpoints are orbax folders, which GenSBI alone reads)");
  }
  std::map<std::string, std::vector<fs::path>> by_name;
  for (const auto& file : files) by_name[name_of(file)].push_back(file);
  if (by_name.size() > 1) {
    throw core::UserError(folder.string() + ": holds the weights of several models: " + list(files) +
                          "; name one of these files");
  }
  const auto& [name, candidates] = *by_name.begin();
  for (const std::string_view suffix : suffixes) {
    for (const auto& file : candidates) {
      if (file.stem() == name + std::string(suffix)) return file;
    }
  }
  return candidates.front();
}

fs::path config_beside(const fs::path& weights) {
  const auto files = files_of(weights.parent_path(), {".yaml", ".yml"});
  for (const std::string& stem : {weights.stem().string(), name_of(weights)}) {
    for (const auto& file : files) {
      if (file.stem() == stem) return file;
    }
  }
  if (files.size() == 1) return files.front();
  throw core::UserError(weights.string() +
                        ": its YAML is needed, since the weights do not hold the architecture; " +
                        (files.empty() ? "there is none beside it: name it with --config"
                                       : "name one with --config: " + list(files)));
}

}  // namespace

GensbiFiles find_gensbi_files(const std::string& path, const std::string& config) {
  if (!fs::exists(path)) {
    throw core::UserError(path + ": does not exist; name GenSBI's exported .safetensors file or its folder");
  }
  const fs::path weights = fs::is_directory(path) ? weights_in(path) : fs::path(path);
  return {weights.string(), config.empty() ? config_beside(weights).string() : config, name_of(weights)};
}

GensbiExport load_gensbi_export(const std::string& path) {
  io::Safetensors file = io::load_safetensors(path);
  if (file.metadata.count("fluxsbi.format")) {
    throw core::UserError(path + ": is a file of fluxsbi's own; it needs no import");
  }
  GensbiExport found{std::move(file.arrays), ""};
  const auto named = file.metadata.find("model_class");
  if (named == file.metadata.end()) return found;
  std::vector<std::string> known;
  for (const auto& [theirs, ours] : model_classes) {
    if (theirs == named->second) found.model = ours;
    known.emplace_back(theirs);
  }
  if (found.model.empty()) {
    throw core::UserError(path + ": holds a " + core::quoted(named->second) +
                          " (its metadata say); fluxsbi has " + core::join(known));
  }
  return found;
}

}  // namespace fluxsbi::checkpoint
