// The section `data`: where the pairs (theta, x) come from and how they are prepared.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/table.hpp"
#include "data/standardise.hpp"
#include "data/transform_choice.hpp"

namespace fluxsbi::data {

/// What is done about rows with NaN or infinite values; pad: NaN marks absent elements of sets.
enum class NanPolicy { error, drop, pad };
std::span<const std::string_view> enum_names(NanPolicy);

/// The `data` section.
struct DataOptions {
  std::optional<std::string> file;  ///< .npz, .h5 with theta and x; .csv; OUT.npy for a pair (open_pair)
  std::vector<std::string> files;   ///< parts of one set: such files, patterns of their names, folders
  std::optional<std::string> theta_file;  ///< .npy
  std::optional<std::string> x_file;      ///< .npy
  std::optional<std::string> task;        ///< built-in task instead of a file
  int64_t simulations = 100000;           ///< how many pairs a task simulates
  double validation_fraction = 0.05;      ///< of the rows, at most max_validation
  int64_t max_validation = 10000;
  Standardise standardise_theta = Standardise::per_feature;
  Standardise standardise_x = Standardise::automatic;
  TransformWords transform_theta{TransformWord::automatic};
  TransformWords transform_x{TransformWord::automatic};
  ConstantColumns constant = ConstantColumns::automatic;
  NanPolicy nan = NanPolicy::error;
  double memory_gb = 4;  ///< arrays beyond this many 1e9 bytes stay in their files while training
  std::vector<std::string> theta_names;  ///< empty: theta_0, theta_1, ...
  std::vector<std::string> x_names;

  /// True if data are named.
  bool has_source() const { return file || !files.empty() || theta_file || x_file || task; }
};
const config::Table<DataOptions>& data_table();
/// The `data.names` section, `theta` and `x`: fills theta_names and x_names of the same struct.
const config::Table<DataOptions>& data_names_table();

/// Puts what it means in place of each `auto`: what the built-in task needs (Task::data_needs), else error
/// for constant, per_feature for standardise_theta and for standardise_x what the network asks for,
/// `of_network` (per_feature or per_channel). A network that asks for per_channel shares its weights among
/// positions and goes before the task. A task of unknown name is left for open_dataset to refuse.
void resolve(DataOptions& options, const std::string& of_network);

}  // namespace fluxsbi::data
