#include "data/dataset.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/data_options.hpp"
#include "data/files/dataset_file.hpp"
#include "data/files/names.hpp"
#include "data/files/sets.hpp"
#include "data/simulate/simulate.hpp"
#include "data/tasks/task.hpp"

namespace fluxsbi::data {

namespace {

/// Throws unless exactly one source is named.
void check_source(const DataOptions& options) {
  if (options.theta_file.has_value() != options.x_file.has_value()) {
    throw core::UserError(std::string("data.") + (options.theta_file ? "x_file" : "theta_file") +
                          " is missing; data.theta_file and data.x_file go together");
  }
  const int sources = options.file.has_value() + options.theta_file.has_value() + options.task.has_value();
  if (sources == 1) return;
  throw core::UserError(
      std::string(sources == 0 ? "no data: " : "data has more than one source: ") +
      "give one of data.file (--data), data.theta_file with data.x_file, or data.task (--task)");
}

Dataset from_task(const DataOptions& options, uint64_t seed) {
  if (options.simulations < 1) throw core::UserError("data.simulations must be at least 1");
  const auto task = make_task(*options.task);
  Simulations simulations = simulate(*task, options.simulations, seed);
  Dataset dataset;
  dataset.shape = task->shape();
  dataset.rows = simulations.rows;
  dataset.theta = std::move(simulations.theta);
  dataset.x = std::move(simulations.x);
  dataset.prior = task->prior().options();
  dataset.source = "task " + *options.task + ", " + std::to_string(dataset.rows) + " simulations";
  return dataset;
}

Dataset from_files(const DataOptions& options, std::vector<std::string>& theta_names,
                   std::vector<std::string>& x_names) {
  SidePair pair = options.file ? load_pair(*options.file, theta_names, x_names)
                               : load_npy_pair(*options.theta_file, *options.x_file);
  const std::string source = options.file ? *options.file : *options.theta_file + " and " + *options.x_file;
  if (pair.theta.rows != pair.x.rows) {
    throw core::UserError(source + ": theta has " + std::to_string(pair.theta.rows) + " rows, x has " +
                          std::to_string(pair.x.rows) + "; row i of both must be one simulation");
  }
  if (!pair.theta_names.empty()) theta_names = pair.theta_names;
  if (!pair.x_names.empty()) x_names = pair.x_names;
  Dataset dataset;
  dataset.shape = {pair.theta.tokens, pair.theta.channels, pair.x.tokens,
                   pair.x.channels,   pair.theta.grid,     pair.x.grid};
  dataset.rows = pair.theta.rows;
  dataset.theta = std::move(pair.theta.values);
  dataset.x = std::move(pair.x.values);
  dataset.source = source;
  return dataset;
}

/// Position of the first value of a row that is not finite, or -1.
int64_t first_bad(const std::vector<float>& values, int64_t row, int64_t size) {
  const float* begin = values.data() + row * size;
  const float* found = std::find_if(begin, begin + size, [](float v) { return !std::isfinite(v); });
  return found == begin + size ? -1 : found - begin;
}

/// Numbers of the rows that hold a NaN or an infinity.
std::vector<int64_t> bad_rows(const Dataset& dataset) {
  std::vector<int64_t> rows;
  for (int64_t row = 0; row < dataset.rows; ++row) {
    const bool bad = first_bad(dataset.theta, row, dataset.shape.theta_size()) >= 0 ||
                     first_bad(dataset.x, row, dataset.shape.x_size()) >= 0;
    if (bad) rows.push_back(row);
  }
  return rows;
}

[[noreturn]] void refuse_bad_rows(const Dataset& dataset, const std::vector<int64_t>& bad) {
  const int64_t row = bad.front(), in_theta = first_bad(dataset.theta, row, dataset.shape.theta_size());
  const bool theta = in_theta >= 0;
  const int64_t position = theta ? in_theta : first_bad(dataset.x, row, dataset.shape.x_size());
  const auto names = theta ? feature_names(dataset.theta_names, dataset.shape.theta_channels)
                           : feature_names(dataset.x_names, dataset.shape.x_channels);
  throw core::UserError(
      dataset.source + ": " + std::to_string(bad.size()) + " of " + std::to_string(dataset.rows) +
      " rows hold NaN, infinite values or values beyond float32's range (first: row " + std::to_string(row) +
      ", counted from 0, " + names[static_cast<size_t>(position)] +
      "); correct them, or set data.nan: drop to leave such rows out (for sets of varying size, data.nan: "
      "pad treats elements of NaN as absent)");
}

/// data.nan = pad: x holds sets, whose absent elements are NaN.
void check_sets(const Dataset& dataset) {
  const auto size = static_cast<size_t>(dataset.shape.x_size());
  for (int64_t row = 0; row < dataset.rows; ++row) {
    const auto x = std::span(dataset.x).subspan(static_cast<size_t>(row) * size, size);
    std::string problem = set_problem(x, dataset.shape.x_channels);
    if (first_bad(dataset.theta, row, dataset.shape.theta_size()) >= 0) problem = "theta is not finite";
    if (problem.empty()) continue;
    throw core::UserError(dataset.source + ": row " + std::to_string(row) + " (counted from 0): " + problem);
  }
}

void keep_rows(std::vector<float>& values, int64_t size, int64_t rows, const std::vector<int64_t>& without) {
  auto next_bad = without.begin();
  auto to = values.begin();
  for (int64_t row = 0; row < rows; ++row) {
    if (next_bad != without.end() && *next_bad == row) {
      ++next_bad;
      continue;
    }
    to = std::copy_n(values.begin() + row * size, size, to);
  }
  values.erase(to, values.end());
}

void apply_nan_policy(Dataset& dataset, const std::string& policy) {
  dataset.shape.padded = policy == "pad";
  if (dataset.shape.padded) {
    check_sets(dataset);
    return;
  }
  const auto bad = bad_rows(dataset);
  if (bad.empty()) return;
  if (policy != "drop") refuse_bad_rows(dataset, bad);
  if (std::ssize(bad) == dataset.rows) {
    throw core::UserError(dataset.source +
                          ": every row holds NaN or infinite values; nothing is left after data.nan: drop");
  }
  keep_rows(dataset.theta, dataset.shape.theta_size(), dataset.rows, bad);
  keep_rows(dataset.x, dataset.shape.x_size(), dataset.rows, bad);
  dataset.dropped = std::ssize(bad);
  dataset.rows -= dataset.dropped;
}

}  // namespace

DataShape dataset_shape(const DataOptions& options) {
  check_source(options);
  if (options.task) return make_task(*options.task)->shape();
  auto theta_names = options.theta_names, x_names = options.x_names;
  return from_files(options, theta_names, x_names).shape;
}

Dataset load_dataset(const DataOptions& options, uint64_t seed) {
  check_source(options);
  std::vector<std::string> theta_names = options.theta_names, x_names = options.x_names;
  Dataset dataset = options.task ? from_task(options, seed) : from_files(options, theta_names, x_names);
  dataset.theta_names = resolve_names(theta_names, "theta", dataset.shape.theta_dim);
  dataset.x_names = resolve_names(x_names, "x", dataset.shape.x_dim);
  apply_nan_policy(dataset, options.nan);
  return dataset;
}

}  // namespace fluxsbi::data
