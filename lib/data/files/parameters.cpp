#include "data/files/parameters.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "data/dataset.hpp"
#include "data/files/dataset_file.hpp"
#include "data/files/names.hpp"
#include "data/files/row_file.hpp"
#include "io/files.hpp"
#include "io/output.hpp"

namespace fluxsbi::data {

namespace {

// The shapes of a row of theta, the usual one first.
std::vector<std::vector<int64_t>> theta_layouts(const DataShape& shape) {
  std::vector<std::vector<int64_t>> layouts{{shape.theta_dim, shape.theta_channels}};
  if (shape.theta_channels == 1) layouts.insert(layouts.begin(), {shape.theta_dim});
  if (shape.theta_size() == 1) layouts.push_back({});
  return layouts;
}

// The array of points: theta, else what other commands write.
std::string key_of_points(const std::string& path) {
  if (io::extension_of(path) == ".npy" || !std::filesystem::exists(path)) return "theta";
  const auto list = io::list_arrays(path);
  const auto has = [&](const char* key) {
    return std::any_of(list.begin(), list.end(), [&](const io::ArrayInfo& info) { return info.name == key; });
  };
  for (const char* key : {"theta", "samples", "map"}) {
    if (has(key)) return key;
  }
  return "theta";  // whose absence load_side reports
}

// Makes rows of draws [rows, draws, ...] and returns how many each observation has; 0 for an array of points.
int64_t take_draws(io::Array& theta, const DataShape& shape) {
  const auto layouts = theta_layouts(shape);
  const auto is_row = [&](size_t leading) {
    return std::any_of(layouts.begin(), layouts.end(), [&](const std::vector<int64_t>& row) {
      return theta.shape.size() == row.size() + leading &&
             std::equal(row.begin(), row.end(), theta.shape.begin() + static_cast<int64_t>(leading));
    });
  };
  if (is_row(0) || is_row(1) || !is_row(2)) return 0;
  const int64_t draws = theta.shape[1];
  theta.shape[1] *= theta.shape[0];
  theta.shape.erase(theta.shape.begin());
  return draws;
}

}  // namespace

Parameters load_parameters(const std::string& path, const DataShape& shape,
                           const std::vector<std::string>& theta_names) {
  Parameters parameters;
  if (io::is_text_table(path)) {
    const auto names =
        feature_names(resolve_names(theta_names, "theta", shape.theta_dim), shape.theta_channels);
    TableRows table = load_columns(path, names, "parameter", "the model's theta is");
    parameters = {table.rows, std::move(table.values)};
  } else {
    const std::string key = key_of_points(path);
    io::Array theta = load_side(path, key);
    parameters.draws = take_draws(theta, shape);
    parameters.rows =
        count_rows(theta.shape, theta_layouts(shape), path, key,
                   "the model's theta has " + std::to_string(shape.theta_size()) + " components");
    parameters.theta = theta.to_double();
  }
  if (parameters.rows == 0) throw core::UserError(path + " holds no rows of theta");
  return parameters;
}

}  // namespace fluxsbi::data
