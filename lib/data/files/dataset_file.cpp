#include "data/files/dataset_file.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/files.hpp"
#include "io/output.hpp"

namespace fluxsbi::data {

namespace {

constexpr const char* layouts =
    "give [rows], [rows, values], [rows, tokens, channels] or [rows, height, width, channels]";

/// The side that an array of this shape is, without its values. `where` names it ("sims.npz: theta").
Side side_of(const std::vector<int64_t>& shape, const std::string& where) {
  const std::string found = where + " has the shape " + core::shape_text(shape);
  if (shape.empty() || shape.size() > 4) throw core::UserError(found + "; " + layouts);
  if (shape[0] == 0) throw core::UserError(where + " holds no rows (shape " + core::shape_text(shape) + ")");
  int64_t size = 1;
  for (size_t axis = 1; axis < shape.size(); ++axis) size *= shape[axis];
  if (size == 0) throw core::UserError(found + ", so a row holds nothing; " + layouts);
  Side side;
  side.rows = shape[0];
  side.channels = shape.size() >= 3 ? shape.back() : 1;
  side.tokens = size / side.channels;
  if (shape.size() == 4) side.grid = {shape[1], shape[2]};
  return side;
}

Side whole_side(io::Array array, const std::string& where) {
  Side side = side_of(array.shape, where);
  side.values = rows_in_memory(std::move(array));
  return side;
}

bool is_hdf5(const std::string& path) {
  const std::string extension = io::extension_of(path);
  return extension == ".h5" || extension == ".hdf5";
}

/// What the file says of the array `key`; nothing where it is missing or of a type that is not read.
std::optional<io::ArrayInfo> info_of(const std::string& path, const std::string& key) {
  for (auto& info : io::list_arrays(path)) {
    if (info.name == key) return std::move(info);
  }
  return {};
}

Side open_key(const std::string& path, const std::string& key, Loading loading) {
  if (loading == Loading::shape) {
    if (const auto info = info_of(path, key)) return side_of(info->shape, path + ": " + key);
  }
  io::FileContent content = io::load_arrays(path, {key});  // says what is wrong with a key that is missing
  return whole_side(std::move(content.arrays.at(key)), path + ": " + key);
}

Side open_npy(const std::string& path, Loading loading) {
  if (io::extension_of(path) != ".npy") {
    throw core::UserError(path +
                          ": data.theta_file and data.x_file are a pair of .npy files; use data.file for "
                          "one file that holds theta and x");
  }
  const auto info = loading == Loading::whole ? std::nullopt : info_of(path, "array");
  if (!info) {  // load_arrays says what is wrong with a type that is not listed
    io::FileContent content = io::load_arrays(path);
    return whole_side(std::move(content.arrays.at("array")), path);
  }
  Side side = side_of(info->shape, path);
  if (loading == Loading::by_row) side.values = rows_of_npy(path);
  return side;
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
                          (stem == "theta" ? " or prior.parameters" : "") +
                          " (there are: " + core::join(header) + ")");
  }
  const io::Array& table = content.arrays.at("array");
  if (table.shape[0] == 0) throw core::UserError(path + " holds no rows");
  const auto values = pick_columns<double>(table, columns);
  const std::vector<int64_t> shape{table.shape[0], std::ssize(names)};
  return whole_side(io::Array::from(std::span<const double>(values), shape), path);
}

// The x of a file that holds theta alone: rows of nothing, with theta's channels, as joint models need it.
Side no_x(const Side& theta) {
  return {theta.rows, 0, theta.channels, {}, rows_of_nothing(theta.rows)};
}

SidePair load_csv(const std::string& path, std::vector<std::string> theta_names,
                  std::vector<std::string> x_names) {
  const io::FileContent content = io::load_arrays(path);
  Side theta = take_columns(path, content, "theta", theta_names);
  const bool theta_alone = x_names.empty() && content.columns.size() == theta_names.size();
  Side x = theta_alone ? no_x(theta) : take_columns(path, content, "x", x_names);
  return {std::move(theta), std::move(x), std::move(theta_names), std::move(x_names)};
}

// The two files that OUT.npy means, or nothing.
std::optional<std::pair<std::string, std::string>> npy_files(const std::string& path) {
  const std::string extension = io::extension_of(path), stem = path.substr(0, path.size() - extension.size());
  if (extension != ".npy") return {};
  std::pair<std::string, std::string> files{stem + "_theta.npy", stem + "_x.npy"};
  if (std::filesystem::exists(files.first) && std::filesystem::exists(files.second)) return files;
  throw core::UserError(path +
                        ": a .npy file holds one array, data needs theta and x; give data.theta_file and "
                        "data.x_file (or " +
                        files.first + " and " + files.second + " beside it)");
}

SidePair open_hdf5_by_row(const std::string& path, bool has_x) {
  std::vector<std::string> keys{"theta"};
  if (has_x) keys.emplace_back("x");
  const auto file = std::make_shared<const io::Hdf5Rows>(path, keys);
  const auto side = [&](size_t index) {
    Side one = side_of(file->datasets()[index].shape, path + ": " + keys[index]);
    one.values = rows_of_hdf5(file, index);
    return one;
  };
  Side theta = side(0);
  Side x = has_x ? side(1) : no_x(theta);
  return {std::move(theta), std::move(x), {}, {}};
}

SidePair open_keys(const std::string& path, Loading loading) {
  const bool has_x = io::list_arrays(path).size() != 1;
  if (loading == Loading::by_row && is_hdf5(path)) return open_hdf5_by_row(path, has_x);
  Side theta = open_key(path, "theta", loading);
  Side x = has_x ? open_key(path, "x", loading) : no_x(theta);
  return {std::move(theta), std::move(x), {}, {}};
}

SidePair same_rows(SidePair pair, const std::string& source) {
  if (pair.theta.rows == pair.x.rows) return pair;
  throw core::UserError(source + ": theta has " + std::to_string(pair.theta.rows) + " rows, x has " +
                        std::to_string(pair.x.rows) + "; row i of both must be one simulation");
}

uint64_t bytes_of(const std::optional<io::ArrayInfo>& info) {
  return info ? io::checked_bytes(info->shape, info->dtype).value_or(0) : 0;
}

}  // namespace

SidePair open_npy_pair(const std::string& theta_file, const std::string& x_file, Loading loading) {
  Side theta = open_npy(theta_file, loading);
  return same_rows({std::move(theta), open_npy(x_file, loading), {}, {}}, theta_file + " and " + x_file);
}

SidePair open_pair(const std::string& path, const std::vector<std::string>& theta_names,
                   const std::vector<std::string>& x_names, Loading loading) {
  if (io::extension_of(path) == ".csv") return load_csv(path, theta_names, x_names);
  if (const auto files = npy_files(path)) return open_npy_pair(files->first, files->second, loading);
  return same_rows(open_keys(path, loading), path);
}

uint64_t bytes_by_row(const std::string& theta_file, const std::string& x_file) {
  return bytes_of(info_of(theta_file, "array")) + bytes_of(info_of(x_file, "array"));
}

uint64_t bytes_by_row(const std::string& path) {
  if (const auto files = npy_files(path)) return bytes_by_row(files->first, files->second);
  return is_hdf5(path) ? bytes_of(info_of(path, "theta")) + bytes_of(info_of(path, "x")) : 0;
}

template <class T>
std::vector<T> pick_columns(const io::Array& table, const std::vector<int64_t>& columns) {
  core::require(table.dtype == io::DType::f64, "a CSV table is float64");
  const int64_t rows = table.shape.at(0), width = table.shape.at(1);
  std::vector<T> picked;
  picked.reserve(static_cast<size_t>(rows) * columns.size());
  for (int64_t row = 0; row < rows; ++row) {
    for (const int64_t column : columns) {
      double value = 0;  // straight from the table: a copy of all of it would double the memory
      std::memcpy(&value, table.bytes.data() + sizeof value * static_cast<size_t>(row * width + column),
                  sizeof value);
      picked.push_back(static_cast<T>(value));
    }
  }
  return picked;
}

template std::vector<float> pick_columns(const io::Array&, const std::vector<int64_t>&);
template std::vector<double> pick_columns(const io::Array&, const std::vector<int64_t>&);

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
