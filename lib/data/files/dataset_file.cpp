#include "data/files/dataset_file.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/files/axes.hpp"
#include "data/files/column_order.hpp"
#include "data/files/names.hpp"
#include "data/files/text_pair.hpp"
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
  side.shape = shape;
  return side;
}

bool is_hdf5(const std::string& path) {
  const std::string extension = io::extension_of(path);
  return extension == ".h5" || extension == ".hdf5";
}

/// What the file says of the array `key`; nothing where it is missing or cannot be read.
std::optional<io::ArrayInfo> info_of(const std::string& path, const std::string& key) {
  for (auto& info : io::list_arrays(path)) {
    if (info.name == key && info.problem.empty()) return std::move(info);
  }
  return {};
}

/// The side `array` of a file, turned round where the file is transposed.
Side loaded_side(io::Array array, bool transposed, const std::string& where) {
  return whole_side(transposed ? with_axes_reversed(array) : std::move(array), where);
}

Side listed_side(std::vector<int64_t> shape, bool transposed, const std::string& where) {
  if (transposed) std::reverse(shape.begin(), shape.end());
  return side_of(shape, where);
}

Side open_key(const std::string& path, const std::string& key, bool transposed, Loading loading) {
  const std::string where = path + ": " + key;
  if (loading == Loading::shape) {
    if (const auto info = info_of(path, key)) return listed_side(info->shape, transposed, where);
  }
  io::FileContent content = io::load_arrays(path, {key});  // says what is wrong with a key that is missing
  return loaded_side(std::move(content.arrays.at(key)), transposed, where);
}

Side open_npy(const std::string& path, bool transposed, Loading loading) {
  if (io::extension_of(path) != ".npy") {
    throw core::UserError(path +
                          ": data.theta_file and data.x_file are a pair of .npy files; use data.file for "
                          "one file that holds theta and x");
  }
  const bool whole = loading == Loading::whole || (transposed && loading == Loading::by_row);
  const auto info = whole ? std::nullopt : info_of(path, "array");
  if (!info) {  // load_arrays says what is wrong with a type that is not read
    io::FileContent content = io::load_arrays(path);
    return loaded_side(std::move(content.arrays.at("array")), transposed, path);
  }
  Side side = listed_side(info->shape, transposed, path);
  if (loading == Loading::by_row) side.values = rows_of_npy(path);
  return side;
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

SidePair open_hdf5_by_row(const std::string& path, const FileKeys& names, bool has_x) {
  std::vector<std::string> keys{names.theta};
  if (has_x) keys.push_back(names.x);
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

/// What the file calls the columns of a side, where it names as many as there are.
std::vector<std::string> names_of(const std::string& path, const std::string& key, const Side& side) {
  auto names = names_of_columns(path, key);
  return std::ssize(names) == side.tokens ? names : std::vector<std::string>();
}

/// A side whose columns stand in another order than that of `names`, or are more: it is loaded.
bool reorder(Side& side, const std::string& path, const std::string& key, bool transposed,
             const std::vector<std::string>& names, Loading loading) {
  if (names.empty() || names_of(path, key, side).empty()) return false;
  const ColumnOrder order = find_column_order(path, key, names);
  if (order.places.empty()) return true;
  io::Array array = std::move(io::load_arrays(path, {key}).arrays.at(key));
  if (transposed) array = with_axes_reversed(array);
  side = whole_side(in_order(std::move(array), order, side.channels), path + ": " + key);
  if (loading == Loading::shape) side.values = {};
  return true;
}

/// The pair with the columns that these names say, or with the names that the file gives them.
SidePair by_name(SidePair pair, const std::string& path, const FileKeys& keys,
                 const std::vector<std::string>& theta_names, const std::vector<std::string>& x_names,
                 Loading loading) {
  const bool transposed = keys.transposed.value_or(false);
  const auto name = [&](Side& side, const std::string& key, const std::vector<std::string>& wanted) {
    if (!reorder(side, path, key, transposed, wanted, loading)) return names_of(path, key, side);
    return wanted;
  };
  if (pair.theta.tokens > 0) pair.theta_names = name(pair.theta, keys.theta, theta_names);
  if (pair.x.tokens > 0) pair.x_names = name(pair.x, keys.x, x_names);
  return pair;
}

// What a file holds beside theta, x and what `simulate` writes for them: weights or masks, say.
void tell_left_out(const std::string& path, const std::vector<io::ArrayInfo>& arrays, const FileKeys& keys) {
  const std::vector<std::string> known{keys.theta, keys.x, "meta", "failed"};
  std::vector<std::string> left_out;
  for (const auto& array : arrays) {
    if (!names_hold(known, array.name)) left_out.push_back(array.name);
  }
  if (left_out.empty()) return;
  core::log::info_once(path + ": arrays left out: " + core::list_first(left_out, 6) + "; " + keys.theta +
                       " and " + keys.x + " are read");
}

SidePair open_keys(const std::string& path, const FileKeys& keys, Loading loading) {
  // An array that cannot be read is there: it does not make a file one of theta alone.
  const auto arrays = io::list_arrays(path);
  const bool has_x = arrays.size() != 1 || keys.x != FileKeys().x;
  const bool transposed = keys.transposed.value_or(false);
  if (loading == Loading::by_row && is_hdf5(path) && !transposed) {
    tell_left_out(path, arrays, keys);
    return open_hdf5_by_row(path, keys, has_x);
  }
  Side theta = open_key(path, keys.theta, transposed, loading);
  Side x = has_x ? open_key(path, keys.x, transposed, loading) : no_x(theta);
  tell_left_out(path, arrays, keys);
  return {std::move(theta), std::move(x), {}, {}};
}

/// Refuses sides of different length, and those that look as if their rows stood in columns.
SidePair same_rows(SidePair pair, const FileKeys& keys, const std::string& source) {
  const auto &theta = pair.theta.shape, &x = pair.x.shape;
  const bool last_agree = theta.size() == 2 && !x.empty() && theta.back() == x.back();
  constexpr int64_t many = 20;  // as many times more columns than rows are no simulations
  const bool looks_turned =
      last_agree && theta[0] == x[0] && x.size() == 2 && theta.back() >= many * theta[0];
  const bool turned = last_agree && theta[0] != x[0] && theta.back() > std::max(theta[0], x[0]);
  if (turned || (looks_turned && !keys.transposed)) {
    throw core::UserError(
        source + ": theta has the shape " + core::shape_text(theta) + " and x " + core::shape_text(x) +
        ": the simulations seem to lie along the last axis, as Julia, MATLAB and R write HDF5; set "
        "data.transposed: true to read every array with its axes in the opposite order" +
        (looks_turned ? " (or false if they do not)" : ""));
  }
  if (pair.theta.rows == pair.x.rows) return pair;
  throw core::UserError(source + ": theta has " + std::to_string(pair.theta.rows) + " rows, x has " +
                        std::to_string(pair.x.rows) + "; row i of both must be one simulation" +
                        (x.size() == 2 && x.back() == pair.theta.rows ? " (save x.T, whose rows are as many)"
                         : theta.size() == 2 && theta.back() == pair.x.rows
                             ? " (save theta.T, whose rows are as many)"
                             : ""));
}

/// Columns of arrays have no names in the file by which they could be left out.
void refuse_ignore(const std::string& path, const FileKeys& keys) {
  if (keys.ignore.empty()) return;
  throw core::UserError(
      path + ": data.ignore leaves out columns of text files, and this file holds arrays; " +
      "save them without the columns " + core::list_first(keys.ignore, 6) + ", and remove data.ignore");
}

void refuse_keys_of_arrays(const std::string& path, const FileKeys& keys) {
  const std::string key = keys.theta != FileKeys().theta    ? "data.theta_key"
                          : keys.x != FileKeys().x          ? "data.x_key"
                          : keys.transposed.value_or(false) ? "data.transposed"
                                                            : "";
  if (key.empty()) return;
  throw core::UserError(path + ": " + key + " is for files of arrays, and this is text; " +
                        (key == "data.transposed" ? "write a simulation a line"
                                                  : "name the columns in data.names.theta and data.names.x") +
                        ", and remove " + key);
}

uint64_t bytes_of(const std::optional<io::ArrayInfo>& info) {
  return info ? io::checked_bytes(info->shape, info->dtype).value_or(0) : 0;
}

}  // namespace

Side whole_side(io::Array array, const std::string& where) {
  Side side = side_of(array.shape, where);
  side.values = rows_in_memory(std::move(array));
  return side;
}

// Rows of nothing, with theta's channels, as joint models need it.
Side no_x(const Side& theta) {
  return {theta.rows, 0, theta.channels, {}, rows_of_nothing(theta.rows), {}};
}

SidePair open_npy_pair(const std::string& theta_file, const std::string& x_file, Loading loading,
                       const FileKeys& keys) {
  refuse_ignore(theta_file, keys);
  const bool transposed = keys.transposed.value_or(false);
  Side theta = open_npy(theta_file, transposed, loading);
  return same_rows({std::move(theta), open_npy(x_file, transposed, loading), {}, {}}, keys,
                   theta_file + " and " + x_file);
}

SidePair open_pair(const std::string& path, const std::vector<std::string>& theta_names,
                   const std::vector<std::string>& x_names, Loading loading, const FileKeys& keys) {
  if (io::is_text_table(path)) {
    refuse_keys_of_arrays(path, keys);
    return load_text_pair(path, theta_names, x_names, keys.ignore);
  }
  refuse_ignore(path, keys);
  if (const auto files = npy_files(path)) return open_npy_pair(files->first, files->second, loading, keys);
  SidePair pair = same_rows(open_keys(path, keys, loading), keys, path);
  return by_name(std::move(pair), path, keys, theta_names, x_names, loading);
}

std::string channels_first_problem(const Side& x) {
  const auto& shape = x.shape;
  constexpr int64_t most_channels = 8, least_ratio = 8;
  const bool image = shape.size() == 4 && shape[1] <= 4 && shape[3] >= least_ratio && shape[2] >= least_ratio;
  const bool series = shape.size() == 3 && shape[1] <= most_channels && shape[2] >= 2 * most_channels &&
                      shape[2] >= least_ratio * shape[1];
  if (!image && !series) return {};
  return "x has the shape " + core::shape_text(shape) + ", which is read as " +
         (image ? "[rows, height, width, channels]" : "[rows, tokens, channels]") + ": " +
         core::count_text(shape.back(), "channel") +
         ". If axis 1 holds the channels, as PyTorch has them, save " + "numpy.moveaxis(x, 1, -1)";
}

uint64_t bytes_by_row(const std::string& theta_file, const std::string& x_file) {
  return bytes_of(info_of(theta_file, "array")) + bytes_of(info_of(x_file, "array"));
}

uint64_t bytes_by_row(const std::string& path, const FileKeys& keys) {
  if (keys.transposed.value_or(false)) return 0;
  if (const auto files = npy_files(path)) return bytes_by_row(files->first, files->second);
  return is_hdf5(path) ? bytes_of(info_of(path, keys.theta)) + bytes_of(info_of(path, keys.x)) : 0;
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
