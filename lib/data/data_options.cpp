#include "data/dataset.hpp"

namespace fluxsbi::data {

const config::Table<DataOptions>& data_table() {
  using config::any;
  static const auto table =
      config::Table<DataOptions>(
          "data",
          "Where the pairs (theta, x) come from and how they are prepared. One of file, theta_file with "
          "x_file, or task.")
          .add("file", &DataOptions::file, any<std::optional<std::string>>(),
               ".npz or .h5 with the keys theta and x, .csv with a header, or OUT.npy for the pair "
               "OUT_theta.npy, "
               "OUT_x.npy; a file of theta alone trains a joint model without x")
          .add("theta_file", &DataOptions::theta_file, any<std::optional<std::string>>(), ".npy with theta")
          .add("x_file", &DataOptions::x_file, any<std::optional<std::string>>(), ".npy with x")
          .add("task", &DataOptions::task, any<std::optional<std::string>>(),
               "a built-in task that is simulated")
          .add("simulations", &DataOptions::simulations, config::integer_at_least(1),
               "how many pairs a task simulates")
          .alias("num_simulations")
          .alias("n")
          .add("validation_fraction", &DataOptions::validation_fraction, config::fraction_below_one(),
               "share of the rows that validates; at least one row, at most max_validation")
          .add("max_validation", &DataOptions::max_validation, config::integer_at_least(1),
               "most rows that validate")
          .add("standardise_theta", &DataOptions::standardise_theta,
               config::one_of({"per_feature", "shared", "none"}),
               "theta minus its mean over its standard deviation: of each feature, of all together, or not "
               "at all")
          .alias("standardize_theta")
          .add("standardise_x", &DataOptions::standardise_x,
               config::one_of({"per_feature", "shared", "none"}),
               "the same for x; shared suits images and time series")
          .alias("standardize_x")
          .add("constant", &DataOptions::constant, config::one_of({"error", "keep"}),
               "columns that do not vary: an error that names them, or kept with scale 1")
          .add("nan", &DataOptions::nan, config::one_of({"error", "drop"}),
               "rows with NaN or infinite values: an error with count and first row, or left out");
  return table;
}

const config::Table<DataOptions>& data_names_table() {
  using config::any;
  static const auto table =
      config::Table<DataOptions>("data.names", "Names of the variables, in files, plots and messages.")
          .add("theta", &DataOptions::theta_names, any<std::vector<std::string>>(),
               "a name for each parameter; empty: theta_0, theta_1, ... CSV files: the columns of theta")
          .alias("data.theta_names")
          .add("x", &DataOptions::x_names, any<std::vector<std::string>>(),
               "a name for each datum (token); empty: x_0, x_1, ... CSV files: the columns of x")
          .alias("data.x_names");
  return table;
}

}  // namespace fluxsbi::data
