#include "data/files/dataset_file.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/files.hpp"
#include "io/output.hpp"

namespace fluxsbi::data {

namespace {

constexpr const char* layouts =
    "give [rows], [rows, values], [rows, tokens, channels] or [rows, height, width, channels]";

Side load_key(const std::string& path, const std::string& key) {
  io::FileContent content = io::load_arrays(path, {key});
  return take_side(std::move(content.arrays.at(key)), path + ": " + key);
}

Side load_npy(const std::string& path) {
  if (io::extension_of(path) != ".npy") {
    throw core::UserError(path +
                          ": data.theta_file and data.x_file are a pair of .npy files; use data.file for "
                          "one file that holds theta and x");
  }
  io::FileContent content = io::load_arrays(path);
  return take_side(std::move(content.arrays.at("array")), path);
}

/// stem_0, stem_1, ... as far as the header has them.
std::vector<std::string> numbered_columns(const std::vector<std::string>& header, const std::string& stem) {
  std::vector<std::string> names;
  for (;;) {
    const std::string name = stem + "_" + std::to_string(names.size());
    if (std::find(header.begin(), header.end(), name) == header.end()) break;
    names.push_back(name);
  }
  const auto is_numbered = [&](const std::string& column) {
    const std::string head = stem + "_";
    return column.size() > head.size() && column.starts_with(head) &&
           std::all_of(column.begin() + std::ssize(head), column.end(),
                       [](unsigned char c) { return std::isdigit(c); });
  };
  const auto numbered = std::count_if(header.begin(), header.end(), is_numbered);
  if (numbered != std::ssize(names)) names.clear();  // a number is missing: it is better not to guess
  return names;
}

Side take_columns(const std::string& path, const io::FileContent& content, const std::string& stem,
                  std::vector<std::string>& names) {
  const auto& header = content.columns;
  if (names.empty()) names = numbered_columns(header, stem);
  if (names.empty()) {
    throw core::UserError(path + " has no columns " + stem + "_0, " + stem +
                          "_1, ... without a gap; name the columns of " + stem + " in data.names." + stem +
                          " (there are: " + core::join(header) + ")");
  }
  const auto columns = find_columns(header, names);
  for (size_t i = 0; i < names.size(); ++i) {
    if (columns[i] >= 0) continue;
    throw core::UserError(path + " has no column '" + names[i] + "' of data.names." + stem +
                          " (there are: " + core::join(header) + ")");
  }
  const io::Array& table = content.arrays.at("array");
  Side side{table.shape[0], std::ssize(names), 1, {}, pick_columns(table, columns)};
  if (side.rows == 0) throw core::UserError(path + " holds no rows");
  return side;
}

// The x of a file that holds theta alone: rows of nothing, with theta's channels, as joint models need it.
Side no_x(const Side& theta) {
  return {theta.rows, 0, theta.channels, {}, {}};
}

SidePair load_csv(const std::string& path, std::vector<std::string> theta_names,
                  std::vector<std::string> x_names) {
  const io::FileContent content = io::load_arrays(path);
  Side theta = take_columns(path, content, "theta", theta_names);
  const bool theta_alone = x_names.empty() && content.columns.size() == theta_names.size();
  Side x = theta_alone ? no_x(theta) : take_columns(path, content, "x", x_names);
  return {std::move(theta), std::move(x), std::move(theta_names), std::move(x_names)};
}

}  // namespace

Side take_side(io::Array array, const std::string& where) {
  const auto& shape = array.shape;
  const std::string found = where + " has the shape " + core::shape_text(shape);
  if (shape.empty() || shape.size() > 4) throw core::UserError(found + "; " + layouts);
  if (shape[0] == 0) throw core::UserError(where + " holds no rows (shape " + core::shape_text(shape) + ")");
  if (array.elements() == 0) throw core::UserError(found + ", so a row holds nothing; " + layouts);
  Side side;
  side.rows = shape[0];
  side.channels = shape.size() >= 3 ? shape.back() : 1;
  side.tokens = array.elements() / side.rows / side.channels;
  if (shape.size() == 4) side.grid = {shape[1], shape[2]};
  side.values = array.to_float();
  return side;
}

SidePair load_npy_pair(const std::string& theta_file, const std::string& x_file) {
  Side theta = load_npy(theta_file);
  return {std::move(theta), load_npy(x_file), {}, {}};
}

SidePair load_pair(const std::string& path, const std::vector<std::string>& theta_names,
                   const std::vector<std::string>& x_names) {
  const std::string extension = io::extension_of(path);
  if (extension == ".csv") return load_csv(path, theta_names, x_names);
  if (extension == ".npy") {
    const std::string stem = path.substr(0, path.size() - extension.size());
    const std::string theta_file = stem + "_theta.npy", x_file = stem + "_x.npy";
    if (std::filesystem::exists(theta_file) && std::filesystem::exists(x_file)) {
      return load_npy_pair(theta_file, x_file);
    }
    throw core::UserError(path +
                          ": a .npy file holds one array, data needs theta and x; give data.theta_file and "
                          "data.x_file (or " +
                          theta_file + " and " + x_file + " beside it)");
  }
  Side theta = load_key(path, "theta");
  Side x = io::list_arrays(path).size() == 1 ? no_x(theta) : load_key(path, "x");
  return {std::move(theta), std::move(x), {}, {}};
}

std::vector<float> pick_columns(const io::Array& table, const std::vector<int64_t>& columns) {
  core::require(table.dtype == io::DType::f64, "a CSV table is float64");
  const int64_t rows = table.shape.at(0), width = table.shape.at(1);
  std::vector<float> picked;
  picked.reserve(static_cast<size_t>(rows) * columns.size());
  for (int64_t row = 0; row < rows; ++row) {
    for (const int64_t column : columns) {
      double value = 0;  // straight from the table: a float copy of all of it would double the memory
      std::memcpy(&value, table.bytes.data() + sizeof value * static_cast<size_t>(row * width + column),
                  sizeof value);
      picked.push_back(static_cast<float>(value));
    }
  }
  return picked;
}

std::vector<int64_t> find_columns(const std::vector<std::string>& header,
                                  const std::vector<std::string>& names) {
  std::vector<int64_t> columns;
  for (const auto& name : names) {
    const auto found = std::find(header.begin(), header.end(), name);
    columns.push_back(found == header.end() ? -1 : found - header.begin());
  }
  return columns;
}

}  // namespace fluxsbi::data
