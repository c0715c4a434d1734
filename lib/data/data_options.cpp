#include "data/data_options.hpp"

#include "data/tasks/task.hpp"

namespace fluxsbi::data {

std::span<const std::string_view> enum_names(NanPolicy) {
  static constexpr std::string_view names[] = {"error", "drop", "pad"};
  return names;
}

const config::Table<DataOptions>& data_table() {
  using config::any;
  static const auto table =
      config::Table<DataOptions>(
          "data",
          "Where the pairs (theta, x) come from and how they are prepared. One of file, files, theta_file "
          "with x_file, or task.")
          .add("file", &DataOptions::file, any<std::optional<std::string>>(),
               ".npz or .h5 with the keys theta and x, .csv with a header, or OUT.npy for the pair "
               "OUT_theta.npy, "
               "OUT_x.npy; a file of theta alone trains a joint model without x")
          .add(
              "files", &DataOptions::files, any<std::vector<std::string>>(),
              "the parts of one set, in this order: files as file names them, patterns (sims/*.npz) and folders, whose "
              "files come in the order of their names; all parts have one shape")
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
          .add("standardise_theta", &DataOptions::standardise_theta, config::one_of<Standardise>(),
               "theta minus its mean over its standard deviation: of each feature, of each channel over all "
               "tokens, of all together, or not at all; robust: each feature minus its median over its "
               "interquartile range / 1.349, for heavy tails; auto: per_feature")
          .alias("standardize_theta")
          .add("standardise_x", &DataOptions::standardise_x, config::one_of<Standardise>(),
               "the same for x; auto: per_channel with an embedding network for series, images or sets, else "
               "what the built-in task needs (slcp_distractors: robust) or per_feature")
          .alias("standardize_x")
          .add("constant", &DataOptions::constant, config::one_of<ConstantColumns>(),
               "columns that do not vary: an error that names them, or kept with scale 1; auto: error, or "
               "keep for a built-in task that needs it (bernoulli_glm_raw)")
          .add("nan", &DataOptions::nan, config::one_of<NanPolicy>(),
               "rows with NaN or infinite values: an error with count and first row, or left out; pad: x "
               "holds sets [n, elements, channels], an element that is NaN in all channels is absent "
               "(embedding.network: set)")
          .add(
              "memory_gb", &DataOptions::memory_gb, config::number_at_least(0),
              "arrays of .npy and .h5 files that together exceed this many GB (1e9 bytes) stay in their files, and "
              "batches are read while training; .npz and .csv are always loaded. The weights are the same either way");
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

void resolve(DataOptions& options, const std::string& of_network) {
  DataNeeds needs;
  for (const TaskRow& row : tasks()) {
    if (options.task == row.name) needs = row.make()->data_needs();
  }
  if (options.standardise_theta == Standardise::automatic)
    options.standardise_theta = Standardise::per_feature;
  if (options.standardise_x == Standardise::automatic) {
    const bool by_channel = of_network == "per_channel";
    const bool of_task = needs.standardise_x != Standardise::automatic && !by_channel;
    options.standardise_x = of_task      ? needs.standardise_x
                            : by_channel ? Standardise::per_channel
                                         : Standardise::per_feature;
  }
  if (options.constant == ConstantColumns::automatic) {
    options.constant = needs.constant == ConstantColumns::automatic ? ConstantColumns::error : needs.constant;
  }
}

}  // namespace fluxsbi::data
