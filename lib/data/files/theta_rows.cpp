#include "data/files/theta_rows.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/files/column_order.hpp"
#include "data/files/dataset_file.hpp"
#include "data/files/draw_weights.hpp"
#include "data/files/names.hpp"
#include "io/files.hpp"
#include "io/output.hpp"

namespace fluxsbi::data {

namespace {

/// A table of numbers with what the file says of it.
struct Table {
  int64_t rows = 0, columns = 0;
  std::vector<double> values;       ///< [rows, columns]
  std::vector<std::string> header;  ///< empty: the columns have no names
  std::string source;
  bool draws = false;  ///< of a sample file: rows may be NaN
  bool array = false;  ///< the header is what `meta` says of an array
};

const char* const formats = "give theta [n, d], or a file of fluxsbi sample with samples [rows, draws, d]";

Table table_of(const io::Array& array, const std::string& path, const std::string& key) {
  const auto& shape = array.shape;
  const std::string found = path + ": " + key + " has the shape " + core::shape_text(shape);
  if (shape.empty() || shape.size() > 3) throw core::UserError(found + "; " + formats);
  Table table;
  table.source = path + ": " + key + " " + core::shape_text(shape);
  table.columns = shape.size() == 1 ? 1 : shape.back();
  table.rows = shape.size() == 3 ? shape[0] * shape[1] : shape[0];
  if (table.rows == 0 || table.columns == 0) throw core::UserError(found + ", which holds no theta");
  table.values = array.to_double();
  return table;
}

Table load_table(const std::string& path) {
  const std::string extension = io::extension_of(path);
  if (extension == ".npy") return table_of(io::load_arrays(path).arrays.at("array"), path, "array");
  if (io::is_text_table(path)) {
    const io::FileContent content = io::load_arrays(path);
    Table table = table_of(content.arrays.at("array"), path, "the table");
    table.header = content.columns;
    return table;
  }
  std::vector<std::string> keys;
  for (const auto& info : io::list_arrays(path)) keys.push_back(info.name);
  const auto has = [&](const char* key) { return std::find(keys.begin(), keys.end(), key) != keys.end(); };
  if (!has("samples")) {
    const std::string key = has("map") && !has("theta") ? "map" : "theta";  // the modes of `fluxsbi map`
    Table table = table_of(io::load_arrays(path, {key}).arrays.at(key), path, key);
    table.array = true;
    table.header = names_of_columns(path, key);
    if (std::ssize(table.header) != table.columns) table.header.clear();
    return table;
  }
  std::vector<std::string> wanted{"samples"};
  for (const char* key : {"meta", "weight"}) {
    if (has(key)) wanted.emplace_back(key);
  }
  const auto content = io::load_arrays(path, wanted);
  if (has("weight")) refuse_different_weights(content.arrays.at("weight").to_double(), path);
  Table table = table_of(content.arrays.at("samples"), path, "samples");
  table.draws = table.array = true;
  if (has("meta")) table.header = names_in_meta(content.arrays.at("meta"), path, {"names", "theta_names"});
  if (std::ssize(table.header) != table.columns) table.header.clear();
  return table;
}

std::vector<std::string> numbered(const std::string& stem, int64_t first, int64_t count) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < count; ++i) names.push_back(stem + std::to_string(first + i));
  return names;
}

bool all_found(const std::vector<int64_t>& columns) {
  return std::find(columns.begin(), columns.end(), -1) == columns.end();
}

// Which columns are theta, in its order.
std::vector<int64_t> theta_columns(const Table& table, const std::string& path, int64_t dim,
                                   const std::vector<std::string>& names) {
  // A model may have named what a task leaves without names.
  const bool positional = table.header.empty() || (names.empty() && table.array && table.columns == dim);
  if (positional) {
    if (dim > 0 && table.columns != dim) {
      throw core::UserError(table.source + ": theta has " + std::to_string(dim) + " components" +
                            (names.empty() ? "" : " (" + core::join(names) + ")") + ", a row of the file " +
                            std::to_string(table.columns) + "; " + formats);
    }
    std::vector<int64_t> all(static_cast<size_t>(table.columns));
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
    return all;
  }
  std::vector<std::vector<std::string>> choices;
  if (!names.empty()) choices.push_back(names);
  int64_t count = dim;
  if (count == 0) {  // as many as are numbered
    while (all_found(find_columns(table.header, numbered("theta_", 0, count + 1)))) ++count;
  }
  if (count > 0) {
    choices.push_back(numbered("theta_", 0, count));
    choices.push_back(numbered("parameter_", 1, count));
  }
  const auto more = [&](const std::vector<std::string>& choice) {  // theta_2 beside theta_0, theta_1
    const std::string stem = choice.back().substr(0, choice.back().rfind('_') + 1);
    const auto next = numbered(stem, std::ssize(choice) + (stem == "parameter_" ? 1 : 0), 1);
    return choice != names && find_columns(table.header, next)[0] >= 0;
  };
  for (const auto& choice : choices) {
    const auto columns = find_columns(table.header, choice);
    if (all_found(columns) && !more(choice)) return columns;
  }
  const auto wanted = names.empty() ? numbered("theta_", 0, std::max<int64_t>(count, 1)) : names;
  throw core::UserError(path + " has the columns " + core::list_first(table.header) + ", theta is " +
                        core::list_first(wanted) + "; the file must hold these names");
}

// Rows that are not finite: left out where a sample file says so by NaN, else an error.
std::vector<int64_t> finite_rows(const Table& table, const std::vector<int64_t>& columns, ThetaRows& result) {
  std::vector<int64_t> kept;
  for (int64_t row = 0; row < table.rows; ++row) {
    const auto bad = std::find_if(columns.begin(), columns.end(), [&](int64_t column) {
      const double value = table.values[static_cast<size_t>(row * table.columns + column)];
      return !std::isfinite(value);
    });
    if (bad == columns.end()) {
      kept.push_back(row);
    } else if (!table.draws) {
      const double value = table.values[static_cast<size_t>(row * table.columns + *bad)];
      throw core::UserError(table.source + ": row " + std::to_string(row) + " (counted from 0) has " +
                            core::number_text(value) + ", which is not finite; leave such rows out");
    }
  }
  if (kept.empty()) throw core::UserError(table.source + ": no row of theta is finite");
  const int64_t left_out = table.rows - std::ssize(kept);
  if (left_out > 0) {
    result.remarks.push_back(table.source + ": " + std::to_string(left_out) + " of " +
                             std::to_string(table.rows) +
                             " draws are NaN (they could not be filled) and are left out");
  }
  return kept;
}

}  // namespace

ThetaRows load_theta_rows(const std::string& path, int64_t dim, const std::vector<std::string>& names) {
  const Table table = load_table(path);
  const auto columns = theta_columns(table, path, dim, names);
  ThetaRows result;
  result.source = table.source;
  const auto weight = find_columns(table.header, {"weight"})[0];
  if (weight >= 0 && std::find(columns.begin(), columns.end(), weight) == columns.end())
    result.remarks.push_back(table.source +
                             ": its column weight is left out, and its rows count alike; if it holds their "
                             "weights, resample them by weight first");
  const auto rows = finite_rows(table, columns, result);
  result.rows = std::ssize(rows);
  for (const int64_t row : rows) {
    for (const int64_t column : columns)
      result.theta.push_back(table.values[static_cast<size_t>(row * table.columns + column)]);
  }
  return result;
}

}  // namespace fluxsbi::data
