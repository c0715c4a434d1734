// The section `data`: where the pairs (theta, x) come from and how they are prepared.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/table.hpp"
#include "data/regression.hpp"
#include "data/screening/use_x.hpp"
#include "data/standardise.hpp"
#include "data/transform_choice.hpp"

namespace fluxsbi::data {

/// What is done about rows with NaN or infinite values. impute: NaN marks missing values of x, which the
/// model learns to do without; pad: it marks absent elements of sets and series.
enum class NanPolicy { error, drop, impute, pad };
std::span<const std::string_view> enum_names(NanPolicy);

/// The `data` section.
struct DataOptions {
  std::optional<std::string> file;  ///< .npz, .h5 with theta and x; .csv; OUT.npy for a pair (open_pair)
  std::vector<std::string> files;   ///< parts of one set: such files, patterns of their names, folders
  std::optional<std::string> theta_file;  ///< .npy
  std::optional<std::string> x_file;      ///< .npy
  std::string theta_key = "theta";        ///< key of .npz, path of a dataset in HDF5
  std::string x_key = "x";
  std::vector<std::string> ignore;    ///< columns of text files that are left out
  UseX use_x;                         ///< which values of x the model sees
  std::optional<bool> transposed;     ///< axes stand in the opposite order; none: refused if it looks so
  std::optional<std::string> task;    ///< built-in task instead of a file
  int64_t simulations = 100000;       ///< how many pairs a task simulates, or before training with `online`
  bool online = false;                ///< simulate while training, by the task or by simulator.command
  int64_t reuse = 1;                  ///< with `online`: how often each pair is trained on
  double validation_fraction = 0.05;  ///< of the rows, at most max_validation
  int64_t max_validation = 10000;
  Standardise standardise_theta = Standardise::per_feature;
  Standardise standardise_x = Standardise::automatic;
  TransformWords transform_theta{TransformWord::automatic};
  TransformWords transform_x{TransformWord::automatic};
  RegressionKind regression = RegressionKind::none;  ///< of theta on x
  /// What leaves the simulations as probable as they are: "none", "auto" or symmetries (parse_symmetries).
  std::string symmetries = "none";
  ConstantColumns constant = ConstantColumns::automatic;
  NanPolicy nan = NanPolicy::error;
  /// impute: probability that a training row is shown without a value of x that the file holds; null: as the
  /// rows suggest (MissingCount::rate_besides)
  std::optional<double> missing_rate;
  double memory_gb = 4;  ///< arrays beyond this many 1e9 bytes stay in their files while training
  std::vector<std::string> theta_names;  ///< empty: theta_0, theta_1, ...
  std::vector<std::string> x_names;

  /// True if data are named: files, a task, or simulations that a command makes while training.
  bool has_source() const { return names_rows() || online; }
  /// True if files or a task are named.
  bool names_rows() const { return file || !files.empty() || theta_file || x_file || task; }
};
const config::Table<DataOptions>& data_table();
/// The `data.names` section, `theta` and `x`: fills theta_names and x_names of the same struct.
const config::Table<DataOptions>& data_names_table();

/// Puts in place of each `auto` what the built-in task needs (Task::data_needs), else: error for constant,
/// per_feature for standardise_theta, and for standardise_x what the network asks for, `of_network`
/// (per_feature or per_channel), or per_channel for elements of varying number (pad); auto transforms stay.
/// A network that asks for per_channel shares its weights among positions and goes before
/// the task. A task of unknown name is left for open_dataset to refuse.
void resolve(DataOptions& options, const std::string& of_network);

}  // namespace fluxsbi::data
