#include "data/files/parameters.hpp"

#include <utility>
#include <vector>

#include "core/error.hpp"
#include "data/dataset.hpp"
#include "data/files/dataset_file.hpp"
#include "data/files/names.hpp"
#include "data/files/row_file.hpp"
#include "io/output.hpp"

namespace fluxsbi::data {

namespace {

// The shapes of a row of theta, the usual one first.
std::vector<std::vector<int64_t>> row_layouts(const DataShape& shape) {
  std::vector<std::vector<int64_t>> layouts{{shape.theta_dim, shape.theta_channels}};
  if (shape.theta_channels == 1) layouts.insert(layouts.begin(), {shape.theta_dim});
  if (shape.theta_size() == 1) layouts.push_back({});
  return layouts;
}

}  // namespace

Parameters load_parameters(const std::string& path, const DataShape& shape,
                           const std::vector<std::string>& theta_names) {
  Parameters parameters;
  if (io::extension_of(path) == ".csv") {
    const auto names =
        feature_names(resolve_names(theta_names, "theta", shape.theta_dim), shape.theta_channels);
    TableRows table = load_columns(path, names, "parameter", "the model's theta is");
    parameters = {table.rows, std::move(table.values)};
  } else {
    const io::Array theta = load_side(path, "theta");
    parameters.rows =
        count_rows(theta.shape, row_layouts(shape), path, "theta",
                   "the model's theta has " + std::to_string(shape.theta_size()) + " components");
    parameters.theta = theta.to_double();
  }
  if (parameters.rows == 0) throw core::UserError(path + " holds no rows of theta");
  return parameters;
}

}  // namespace fluxsbi::data
