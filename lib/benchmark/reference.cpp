#include "benchmark/reference.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/files.hpp"

namespace fluxsbi::benchmark {

namespace {

namespace fs = std::filesystem;

// A task whose observations are those of another one, seen otherwise.
struct VariantTask {
  std::string_view task, base, observations;
};
constexpr std::array variants{VariantTask{"slcp_distractors", "slcp", "observations_distractors.npy"},
                              VariantTask{"bernoulli_glm_raw", "bernoulli_glm", "observations_raw.npy"}};

// Null where the task has a folder of its own.
const VariantTask* variant_of(const fs::path& folder, const std::string& task) {
  if (fs::is_directory(folder / task)) return nullptr;
  const auto* found = std::find_if(variants.begin(), variants.end(),
                                   [&](const VariantTask& variant) { return variant.task == task; });
  return found != variants.end() && fs::exists(folder / found->base / found->observations) ? found : nullptr;
}

fs::path observation_folder(const fs::path& folder, const std::string& task, int64_t k) {
  const VariantTask* variant = variant_of(folder, task);
  return folder / (variant ? std::string(variant->base) : task) / ("num_observation_" + std::to_string(k));
}

[[noreturn]] void fail_missing(const fs::path& file, const std::string& task) {
  throw core::UserError(
      file.string() + " is missing, so " + task +
      " has no reference; complete the folder of --reference, choose other --tasks, or give "
      "--observations 0 and --fresh 10");
}

std::vector<double> rows_of(const fs::path& file, int64_t row, int64_t size) {
  const auto array = io::load_arrays(file.string()).arrays.begin()->second;
  const auto values = array.to_double();
  const auto first = static_cast<size_t>(row * size);
  if (values.size() < first + static_cast<size_t>(size) ||
      (row == 0 && array.shape.size() < 3 && array.shape.back() != size && std::ssize(values) != size))
    throw core::UserError(file.string() + ": holds " + core::shape_text(array.shape) +
                          " numbers, and an observation has " + std::to_string(size) +
                          "; give the benchmark's own observations");
  const auto begin = values.begin() + static_cast<std::ptrdiff_t>(first);
  return {begin, begin + static_cast<std::ptrdiff_t>(size)};
}

}  // namespace

ReferenceFolder::ReferenceFolder(std::string folder) : folder_(std::move(folder)) {
  if (!fs::is_directory(folder_))
    throw core::UserError("--reference " + folder_ +
                          ": is no folder; name one with TASK/num_observation_K/{observation.csv,"
                          "reference_posterior_samples.npy}");
}

bool ReferenceFolder::has(const std::string& task) const {
  return fs::is_directory(fs::path(folder_) / task) || variant_of(folder_, task);
}

std::vector<double> ReferenceFolder::observations(const std::string& task, int64_t count,
                                                  int64_t x_size) const {
  std::vector<double> x;
  const VariantTask* variant = variant_of(folder_, task);
  for (int64_t k = 1; k <= count; ++k) {
    const fs::path file = variant ? fs::path(folder_) / variant->base / variant->observations
                                  : observation_folder(folder_, task, k) / "observation.csv";
    if (!fs::exists(file)) fail_missing(file, task);
    const auto row = rows_of(file, variant ? k - 1 : 0, x_size);
    x.insert(x.end(), row.begin(), row.end());
  }
  return x;
}

std::string ReferenceFolder::posterior(const std::string& task, int64_t k, int64_t theta_dim) const {
  const fs::path stem = observation_folder(folder_, task, k) / "reference_posterior_samples";
  for (const char* extension : {".npy", ".csv"}) {
    const std::string file = stem.string() + extension;
    if (!fs::exists(file)) continue;
    const auto shape = io::list_arrays(file).front().shape;
    if (shape.size() != 2 || shape[0] < 10 || shape[1] != theta_dim)
      throw core::UserError(file + ": holds " + core::shape_text(shape) + " numbers, and " + task +
                            " needs [n, " + std::to_string(theta_dim) + "] draws; give the benchmark's own");
    return file;
  }
  if (fs::exists(stem.string() + ".csv.bz2"))
    throw core::UserError(stem.string() + ".csv.bz2 is packed; unpack it first (bunzip2 --keep)");
  fail_missing(stem.string() + ".npy", task);
}

}  // namespace fluxsbi::benchmark
