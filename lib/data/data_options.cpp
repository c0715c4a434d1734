#include "data/data_options.hpp"

#include "data/tasks/task.hpp"

namespace fluxsbi::data {

std::span<const std::string_view> enum_names(NanPolicy) {
  static constexpr std::string_view names[] = {"error", "drop", "impute", "pad"};
  return names;
}

const config::Table<DataOptions>& data_table() {
  using config::any;
  static const auto table =
      config::Table<DataOptions>(
          "data",
          "Where the pairs (theta, x) come from and how they are prepared. Give one of file, files, "
          "theta_file with x_file, or task; online with simulator.command needs none.")
          .add("file", &DataOptions::file, any<std::optional<std::string>>(),
               "an .npz or .h5 file with the keys theta and x, text (.csv, .txt, .dat, .tsv) with a header, "
               "or OUT.npy for "
               "the pair OUT_theta.npy, OUT_x.npy; a file with theta alone trains a joint model without x")
          .add("files", &DataOptions::files, any<std::vector<std::string>>(),
               "the parts of one set, in this order: files as for file, patterns (sims/*.npz), or folders, "
               "whose files come in the order of their names; all parts have one shape")
          .add("theta_file", &DataOptions::theta_file, any<std::optional<std::string>>(),
               "a .npy file with theta")
          .add("x_file", &DataOptions::x_file, any<std::optional<std::string>>(), "a .npy file with x")
          .add("theta_key", &DataOptions::theta_key, any<std::string>(),
               "the key of theta in .npz files, and the path of its dataset in .h5 files (group/name)")
          .add("x_key", &DataOptions::x_key, any<std::string>(), "the same for x")
          .add("transposed", &DataOptions::transposed, any<std::optional<bool>>(),
               "true: arrays of .npz, .npy and .h5 files are read with their axes in the opposite order, "
               "for files of Julia, MATLAB and R, in which simulations lie along the last axis. null: an "
               "error where it looks so")
          .add("ignore", &DataOptions::ignore, any<std::vector<std::string>>(),
               "columns of text files that are left out, by name; the numbers of theta_0, ... and x_0, ... "
               "may then have gaps, and where data.names.theta are given and no column is called x_0, all "
               "other columns are x")
          .add("use_x", &DataOptions::use_x, any<UseX>(),
               "which values of a vector x the model sees. all; a list of their names; auto: those that show "
               "a dependence on theta in the data, and what depends on these; the log says which "
               "(docs/data.md). Files and simulators go on to give all values")
          .add("task", &DataOptions::task, any<std::optional<std::string>>(),
               "a built-in task, which fluxsbi simulates itself (docs/tasks.md)")
          .add("simulations", &DataOptions::simulations, config::integer_at_least(1),
               "how many pairs a built-in task simulates; with online: how many pairs are simulated before "
               "training, to fit the standardisers and to validate")
          .alias("num_simulations")
          .alias("n")
          .add("online", &DataOptions::online, config::any<bool>(),
               "simulate while the model trains, so that every step has new pairs: by the built-in task, or "
               "by simulator.command and prior (docs/data.md)")
          .add("reuse", &DataOptions::reuse, config::integer_between(1, 10000),
               "with online: how often each pair is trained on, for simulators that are slower than "
               "training; above 1 "
               "the pairs of 100 steps are kept, used so often in ever new orders, and then replaced")
          .add("validation_fraction", &DataOptions::validation_fraction, config::fraction_below_one(),
               "the fraction of the rows that is kept for validation; at least one row, at most "
               "max_validation")
          .add("max_validation", &DataOptions::max_validation, config::integer_at_least(1),
               "the largest number of rows that is kept for validation")
          .add("standardise_theta", &DataOptions::standardise_theta, config::one_of<Standardise>(),
               "how theta is standardised, as (value - mean) / standard deviation. per_feature: each feature "
               "by its own. per_channel: each channel by those over all tokens. shared: all by the same. "
               "robust: each feature by its median and its interquartile range / 1.349, for heavy tails. "
               "none: not at all")
          .alias("standardize_theta")
          .add("standardise_x", &DataOptions::standardise_x, config::one_of<Standardise>(),
               "how x is standardised, with the same choices. auto: per_channel for series, images or sets "
               "with an embedding network, otherwise what the built-in task needs (slcp_distractors: "
               "robust), otherwise per_feature")
          .alias("standardize_x")
          .add("transform_theta", &DataOptions::transform_theta, any<TransformWords>(),
               "the transform of theta before it is standardised, one word for all parameters or a list "
               "with one for each. none; log, for skewed values of one sign; logit, between the prior's "
               "ends; asinh, for heavy tails; robust, where a few values stand far away; auto is "
               "what the built-in task needs (sir, lotka_volterra: log), else it looks at the data, says "
               "what it chose, and leaves ordinary parameters alone (docs/data.md)")
          .add("transform_x", &DataOptions::transform_x, any<TransformWords>(),
               "the same for x; logit is for values between 0 and 1")
          .add("regression", &DataOptions::regression, config::one_of<RegressionKind>(),
               "flux1: what the network learns of theta. none: theta itself. linear: what a linear "
               "regression of theta on x leaves of it, scaled to variance 1, so that posteriors that are "
               "narrow and move with x stand still. auto: linear, unless the ends of theta would cut the "
               "residuals of more than two parameters of a row on average. The model file keeps the "
               "regression, and samples and densities are of theta in any case (docs/data.md)")
          .add("symmetries", &DataOptions::symmetries, any<std::string>(),
               "changes of theta and x that make a simulation another one that is as probable, such as the "
               "order of repeated measurements; training then sees every row in many of its forms. none; "
               "exchange x_0 x_1, x_2 x_3: the order of these groups of variables tells nothing; negate "
               "theta_2: so does the sign of these variables; exchange theta_0, theta_1 and negate x_1: both "
               "at once; shift theta_0 x_0 x_1: this parameter does nothing but move these values of x; "
               "several of them with ; between. auto looks for them in the data and says what it found "
               "(docs/data.md)")
          .add("constant", &DataOptions::constant, config::one_of<ConstantColumns>(),
               "what happens to columns that do not vary. error: an error names them. keep: they are kept "
               "with scale 1. auto: error, but keep for a built-in task that needs it (bernoulli_glm_raw, "
               "sir)")
          .add("nan", &DataOptions::nan, config::one_of<NanPolicy>(),
               "what happens to rows with NaN or infinite values. error: an error gives their number and the "
               "first one. drop: they are left out. impute: a value of x that is NaN is missing, and the "
               "model learns to answer without it (docs/data.md). pad: x holds sets or series [n, elements, "
               "channels] of varying length, and an element that is NaN in all channels is absent")
          .add("missing_rate", &DataOptions::missing_rate, config::if_given(config::fraction_below_one()),
               "impute: the probability that a training row is shown without a value of x (joint models: a "
               "token) that the file holds, so that the model also learns to do without what the file never "
               "lacks; a share of the rows, its square root, loses values, and the others are shown as they "
               "are; null: 0.05, or 0.01 where a tenth of the rows lack values of their own")
          .add("memory_gb", &DataOptions::memory_gb, config::number_at_least(0),
               "arrays of .npy and .h5 files that together exceed this many GB (1e9 bytes) stay in their "
               "files, and batches are read while the model trains; .npz and .csv files are always loaded. "
               "The weights are the same either way");
  return table;
}

const config::Table<DataOptions>& data_names_table() {
  using config::any;
  static const auto table =
      config::Table<DataOptions>("data.names", "The names of the variables in files, plots and messages.")
          .add("theta", &DataOptions::theta_names, any<std::vector<std::string>>(),
               "a name for each parameter; empty: theta_0, theta_1, ... In a CSV file they name the columns "
               "of theta")
          .alias("data.theta_names")
          .add("x", &DataOptions::x_names, any<std::vector<std::string>>(),
               "a name for each datum (token); empty: x_0, x_1, ... In a CSV file they name the columns of x")
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
    const bool by_channel = of_network == "per_channel" || options.nan == NanPolicy::pad;
    const bool of_task = needs.standardise_x != Standardise::automatic && !by_channel;
    options.standardise_x = of_task      ? needs.standardise_x
                            : by_channel ? Standardise::per_channel
                                         : Standardise::per_feature;
  }
  const TransformWords unsaid{TransformWord::automatic};
  if (options.transform_theta == unsaid) options.transform_theta = {needs.transform_theta};
  if (options.transform_x == unsaid) options.transform_x = {needs.transform_x};
  if (options.constant == ConstantColumns::automatic) {
    options.constant = needs.constant == ConstantColumns::automatic ? ConstantColumns::error : needs.constant;
  }
}

}  // namespace fluxsbi::data
