#include "data/files/given_cells.hpp"

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/files/axes.hpp"
#include "data/files/row_file.hpp"
#include "io/csv.hpp"
#include "io/files.hpp"
#include "io/output.hpp"

namespace fluxsbi::data {

namespace {

GivenCells cells_of_text(const std::string& path) {
  io::Csv csv = io::load_csv(path, {.empty_line_is_row = true});
  if (csv.columns.empty())
    throw core::UserError("--given " + path +
                          ": the first line must name the columns, of which each is one of theta or x");
  return {csv.values.shape.at(0), std::move(csv.columns), csv.values.to_double()};
}

/// Appends the columns of an array [rows, tokens, channels] to the cells.
void add_array(GivenCells& cells, const std::string& path, const std::string& key, const DataShape& shape,
               int64_t tokens, std::vector<std::string> names) {
  const int64_t channels = shape.theta_channels;
  std::vector<std::vector<int64_t>> layouts{{tokens, channels}};
  if (channels == 1) layouts.insert(layouts.begin(), {tokens});
  const io::Array array = with_rows_first(
      channels == 1 ? load_side_by_name(path, key, names, channels) : load_side(path, key), shape, path, key,
      [&](const std::vector<int64_t>& found) { return fits_rows(found, layouts); });
  const int64_t rows = count_rows(array.shape, layouts, path, key,
                                  "the model has " + core::count_text(tokens, "column") + " there");
  if (!cells.columns.empty() && rows != cells.rows)
    throw core::UserError("--given " + path + ": theta has " + std::to_string(cells.rows) + " rows and x " +
                          std::to_string(rows) + "; row i of both is one question");
  const std::vector<double> added = array.to_double();
  const size_t before = cells.columns.size(), width = names.size();
  std::vector<double> values;
  values.reserve(static_cast<size_t>(rows) * (before + width));
  for (size_t row = 0; row < static_cast<size_t>(rows); ++row) {
    const auto old = cells.values.begin() + static_cast<int64_t>(row * before);
    const auto fresh = added.begin() + static_cast<int64_t>(row * width);
    values.insert(values.end(), old, old + static_cast<int64_t>(before));
    values.insert(values.end(), fresh, fresh + static_cast<int64_t>(width));
  }
  cells.rows = rows;
  cells.values = std::move(values);
  cells.columns.insert(cells.columns.end(), names.begin(), names.end());
}

}  // namespace

GivenCells load_given_cells(const std::string& path, const DataShape& shape,
                            const std::vector<std::string>& features) {
  if (io::is_text_table(path)) return cells_of_text(path);
  std::vector<std::string> keys;
  for (const auto& info : io::list_arrays(path)) keys.push_back(info.name);
  const auto has = [&](const char* key) { return std::find(keys.begin(), keys.end(), key) != keys.end(); };
  const auto split = features.begin() + shape.theta_size();
  GivenCells cells;
  if (has("given") || io::extension_of(path) == ".npy") {
    add_array(cells, path, "given", shape, shape.theta_dim + shape.x_dim, features);
    return cells;
  }
  if (has("theta")) add_array(cells, path, "theta", shape, shape.theta_dim, {features.begin(), split});
  if (has("x") && shape.x_dim > 0) add_array(cells, path, "x", shape, shape.x_dim, {split, features.end()});
  if (cells.columns.empty())
    throw core::UserError("--given " + path + ": holds none of the arrays given, theta and x (there are: " +
                          core::join(keys) + "); NaN in them is the question");
  return cells;
}

}  // namespace fluxsbi::data
