#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/dataset.hpp"
#include "data/dataset_file.hpp"
#include "data/names.hpp"
#include "io/files.hpp"

namespace fluxsbi::data {

namespace {

io::Array load_theta(const std::string& path) {
  const bool one_array = extension_of(path) == ".npy";
  io::FileContent content =
      one_array ? io::load_arrays(path) : io::load_arrays(path, std::vector<std::string>{"theta"});
  return std::move(content.arrays.at(one_array ? "array" : "theta"));
}

// The number of rows of an array whose rows have the shape [obs_dim, obs_channels], the latter left out
// where it is 1.
int64_t rows_of(const std::vector<int64_t>& found, const DataShape& shape, const std::string& path) {
  std::vector<std::vector<int64_t>> layouts{{shape.obs_dim, shape.obs_channels}};
  if (shape.obs_channels == 1) layouts.insert(layouts.begin(), {shape.obs_dim});
  if (shape.obs_size() == 1) layouts.push_back({});
  for (const auto& row : layouts) {
    if (found.size() == row.size() + 1 && std::equal(row.begin(), row.end(), found.begin() + 1))
      return found[0];
  }
  if (std::find(layouts.begin(), layouts.end(), found) != layouts.end()) return 1;
  std::string expected = "[rows";
  for (const int64_t n : layouts.front()) expected += ", " + std::to_string(n);
  throw core::UserError(path + ": theta has the shape " + core::shape_text(found) +
                        ", the model's theta has " + std::to_string(shape.obs_size()) + " components; give " +
                        expected + "], or one row without the leading axis");
}

Parameters from_csv(const std::string& path, const DataShape& shape, const std::vector<std::string>& names) {
  const io::FileContent content = io::load_arrays(path);
  const io::Array& table = content.arrays.at("array");
  std::vector<std::string> numbered;
  for (size_t i = 1; i <= names.size(); ++i) numbered.push_back("parameter_" + std::to_string(i));
  for (const auto& choice : {feature_names(names, shape.obs_channels), numbered}) {
    const auto columns = find_columns(content.columns, choice);
    if (std::find(columns.begin(), columns.end(), -1) != columns.end()) continue;
    return {table.shape.at(0), pick_columns(table, columns)};
  }
  throw core::UserError(path + " has the columns " + core::join(content.columns) + "; the model's theta is " +
                        core::join(feature_names(names, shape.obs_channels)) +
                        ": the header must hold these names, or " + core::join(numbered));
}

}  // namespace

Parameters load_parameters(const std::string& path, const DataShape& shape,
                           const std::vector<std::string>& theta_names) {
  Parameters parameters;
  if (extension_of(path) == ".csv") {
    parameters = from_csv(path, shape, resolve_names(theta_names, "theta", shape.obs_dim));
  } else {
    const io::Array theta = load_theta(path);
    parameters.rows = rows_of(theta.shape, shape, path);
    parameters.theta = theta.to_float();
  }
  if (parameters.rows == 0) throw core::UserError(path + " holds no rows of theta");
  return parameters;
}

}  // namespace fluxsbi::data
