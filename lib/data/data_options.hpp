// The section `data`: where the pairs (theta, x) come from and how they are prepared.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/table.hpp"

namespace fluxsbi::data {

/// The `data` section.
struct DataOptions {
  std::optional<std::string> file;  ///< .npz, .h5 with theta and x; .csv; OUT.npy for a pair (load_pair)
  std::optional<std::string> theta_file;  ///< .npy
  std::optional<std::string> x_file;      ///< .npy
  std::optional<std::string> task;        ///< built-in task instead of a file
  int64_t simulations = 100000;           ///< how many pairs a task simulates
  double validation_fraction = 0.05;      ///< of the rows, at most max_validation
  int64_t max_validation = 10000;
  std::string standardise_theta = "per_feature";  ///< per_feature, per_channel, shared, robust, none
  std::string standardise_x = "auto";             ///< auto: see settle
  std::string constant = "auto";                  ///< auto, error, keep
  std::string nan = "error";                      ///< error, drop, pad
  std::vector<std::string> theta_names;           ///< empty: theta_0, theta_1, ...
  std::vector<std::string> x_names;
};
const config::Table<DataOptions>& data_table();
/// The `data.names` section, `theta` and `x`: fills theta_names and x_names of the same struct.
const config::Table<DataOptions>& data_names_table();

/// Replaces every `auto`. The built-in task's needs (Task::data_needs) come first, otherwise constant becomes
/// error and standardise_x becomes `of_network`. A network that needs per_channel, because it shares its
/// weights across positions, takes precedence over the task. A task of unknown name is left for load_dataset
/// to refuse.
void settle(DataOptions& options, const std::string& of_network);

}  // namespace fluxsbi::data
