#include "data/files/parameters.hpp"

#include <algorithm>
#include <filesystem>
#include <tuple>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "data/dataset.hpp"
#include "data/files/axes.hpp"
#include "data/files/column_order.hpp"
#include "data/files/dataset_file.hpp"
#include "data/files/names.hpp"
#include "data/files/row_file.hpp"
#include "data/source/row_array.hpp"
#include "io/array_place.hpp"
#include "io/files.hpp"
#include "io/hdf5_rows.hpp"
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

// Makes rows of draws [rows, draws, ...] in a shape and returns how many each observation has; 0 for an
// array of points.
int64_t take_draws(std::vector<int64_t>& theta, const DataShape& shape) {
  const auto layouts = theta_layouts(shape);
  const auto is_row = [&](size_t leading) {
    return std::any_of(layouts.begin(), layouts.end(), [&](const std::vector<int64_t>& row) {
      return theta.size() == row.size() + leading &&
             std::equal(row.begin(), row.end(), theta.begin() + static_cast<int64_t>(leading));
    });
  };
  if (is_row(0) || is_row(1) || !is_row(2)) return 0;
  const int64_t draws = theta[1];
  theta[1] *= theta[0];
  theta.erase(theta.begin());
  return draws;
}

// Rows and draws of an array of this shape.
std::pair<int64_t, int64_t> count_points(std::vector<int64_t> theta, const DataShape& shape,
                                         const std::string& path, const std::string& key) {
  const int64_t draws = take_draws(theta, shape);
  const int64_t rows =
      count_rows(theta, theta_layouts(shape), path, key,
                 "the model's theta has " + std::to_string(shape.theta_size()) + " components");
  if (rows == 0) throw core::UserError(path + " holds no rows of theta");
  return {rows, draws};
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
    const io::Array theta =
        with_rows_first(load_side_by_name(path, key, resolve_names(theta_names, "theta", shape.theta_dim),
                                          shape.theta_channels),
                        shape, path, key, [&](std::vector<int64_t> found) {
                          take_draws(found, shape);
                          return fits_rows(found, theta_layouts(shape));
                        });
    std::tie(parameters.rows, parameters.draws) = count_points(theta.shape, shape, path, key);
    parameters.theta = theta.to_double();
  }
  if (parameters.rows == 0) throw core::UserError(path + " holds no rows of theta");
  return parameters;
}

struct ParameterRows::Values {
  virtual ~Values() = default;
  virtual void read(int64_t first, int64_t count, std::span<double> out) const = 0;
};

namespace {

// Where the array of points lies: a key of a file.
struct Where {
  std::string path, key;
};

Where where_points_lie(const std::string& path) {
  const auto [file, key] = file_and_key(path, key_of_points(path));
  return {file, key};
}

}  // namespace

struct ParameterRows::Loaded final : ParameterRows::Values {
  explicit Loaded(std::vector<double> all) : theta(std::move(all)) {}

  void read(int64_t first, int64_t count, std::span<double> out) const override {
    const auto size = std::ssize(out) / std::max<int64_t>(count, 1);
    std::copy_n(theta.begin() + first * size, std::ssize(out), out.begin());
  }

  std::vector<double> theta;
};

struct ParameterRows::InPlace final : ParameterRows::Values {
  InPlace(std::unique_ptr<io::FileSource> source, const io::ArrayPlace& where)
      : file(std::move(source)), dtype(where.dtype), offset(where.offset) {}

  void read(int64_t first, int64_t count, std::span<double> out) const override {
    const uint64_t row_bytes = out.size() / static_cast<uint64_t>(count) * io::size_of(dtype);
    std::vector<std::byte> bytes(static_cast<uint64_t>(count) * row_bytes);
    file->read(offset + static_cast<uint64_t>(first) * row_bytes, bytes);
    io::to_double(dtype, bytes, out);
  }

  std::unique_ptr<io::FileSource> file;
  io::DType dtype;
  uint64_t offset;
};

// Reads an observation's draws, or points of which each is a row, and keeps the row that was read last.
struct ParameterRows::InHdf5 final : ParameterRows::Values {
  InHdf5(const Where& where, int64_t points_a_row)
      : rows(rows_of_hdf5(std::make_shared<io::Hdf5Rows>(where.path, std::vector{where.key}), 0)),
        points(points_a_row) {}

  void read(int64_t first, int64_t count, std::span<double> out) const override {
    if (points == 1) return rows->read(first, count, out);
    const auto size = static_cast<size_t>(rows->row_size() / points);
    for (int64_t done = 0; done < count;) {
      const int64_t point = first + done, row = point / points;
      if (row != read_row) {
        values.resize(static_cast<size_t>(rows->row_size()));
        rows->read(row, 1, values);
        read_row = row;
      }
      const int64_t some = std::min(count - done, (row + 1) * points - point);
      std::copy_n(values.begin() + point % points * static_cast<int64_t>(size),
                  static_cast<size_t>(some) * size, out.begin() + done * static_cast<int64_t>(size));
      done += some;
    }
  }

  RowArrayPtr rows;
  int64_t points;
  mutable int64_t read_row = -1;
  mutable std::vector<double> values;
};

ParameterRows::ParameterRows(const std::string& path, const DataShape& shape,
                             const std::vector<std::string>& theta_names, uint64_t most_bytes) {
  const Where where = where_points_lie(path);
  // Columns in another order are loaded, and put into that of the model.
  if (find_column_order(where.path, where.key, resolve_names(theta_names, "theta", shape.theta_dim))
          .places.empty())
    open_in_file(path, shape, most_bytes);
  if (values_) return;
  Parameters all = load_parameters(path, shape, theta_names);
  rows_ = all.rows;
  draws_ = all.draws;
  values_ = std::make_unique<Loaded>(std::move(all.theta));
}

ParameterRows::~ParameterRows() = default;

void ParameterRows::open_in_file(const std::string& path, const DataShape& shape, uint64_t most_bytes) {
  const Where where = where_points_lie(path);
  std::error_code ignored;
  if (shape.transposed || io::is_text_table(path) || !std::filesystem::exists(where.path, ignored) ||
      std::filesystem::file_size(where.path, ignored) <= most_bytes)
    return;
  const std::string extension = io::extension_of(where.path);
  if (extension == ".h5" || extension == ".hdf5") {
    const auto list = io::list_arrays(where.path);
    const auto found = std::find_if(list.begin(), list.end(),
                                    [&](const io::ArrayInfo& info) { return info.name == where.key; });
    if (found == list.end() || !found->problem.empty() || found->shape.empty()) return;
    std::tie(rows_, draws_) = count_points(found->shape, shape, path, where.key);
    if (found->shape[0] * std::max<int64_t>(draws_, 1) != rows_) return;  // one row without the leading axis
    values_ = std::make_unique<InHdf5>(where, std::max<int64_t>(draws_, 1));
    return;
  }
  auto file = std::make_unique<io::FileSource>(where.path);
  const auto place = io::find_place(*file, where.key);
  if (!place) return;
  std::tie(rows_, draws_) = count_points(place->shape, shape, path, where.key);
  values_ = std::make_unique<InPlace>(std::move(file), *place);
}

void ParameterRows::read(int64_t first, int64_t count, std::span<double> out) const {
  if (count > 0) values_->read(first, count, out);
}

}  // namespace fluxsbi::data
