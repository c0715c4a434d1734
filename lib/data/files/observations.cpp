#include "data/files/observations.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/dataset.hpp"
#include "data/files/axes.hpp"
#include "data/files/column_order.hpp"
#include "data/files/dataset_file.hpp"
#include "data/files/names.hpp"
#include "data/files/row_file.hpp"
#include "data/files/sets.hpp"
#include "data/missing.hpp"
#include "data/screening/use_x.hpp"
#include "io/files.hpp"

namespace fluxsbi::data {

namespace {

using Dims = std::vector<int64_t>;

/// The shapes one row may have, the usual one first.
std::vector<Dims> x_layouts(const DataShape& shape) {
  std::vector<Dims> layouts;
  if (!shape.x_grid.empty()) {
    layouts.push_back({shape.x_grid[0], shape.x_grid[1], shape.x_channels});
    if (shape.x_channels == 1) layouts.push_back(shape.x_grid);
  }
  if (shape.x_channels == 1) layouts.push_back({shape.x_dim});
  layouts.push_back({shape.x_dim, shape.x_channels});
  if (shape.x_size() == 1) layouts.push_back({});
  return layouts;
}

/// The same for files, which may hold more values than the model sees.
std::vector<Dims> layouts_of_files(const DataShape& shape) {
  std::vector<Dims> layouts = x_layouts(shape);
  if (shape.x_places.empty()) return layouts;
  const std::vector<Dims> all = x_layouts(given_shape(shape));
  layouts.insert(layouts.begin(), all.begin(), all.end());
  return layouts;
}

/// Whether an array of this shape holds observations, as far as its axes tell.
bool fits_model(const Dims& found, const DataShape& shape) {
  if (!shape.padded) return fits_rows(found, layouts_of_files(shape));
  Dims dims = found;  // [rows, elements, channels], or one row, or without the axis of one channel
  if (shape.x_channels == 1 && dims.size() == 2) dims.push_back(1);
  if (dims.size() == 2) dims.insert(dims.begin(), 1);
  return dims.size() == 3 && dims[2] == shape.x_channels && dims[1] >= 1 && dims[1] <= shape.x_dim;
}

/// What the model is conditioned on.
std::string condition_text(const DataShape& shape) {
  const std::string what = shape.x_grid.empty() ? core::count_text(shape.x_dim, "token")
                                                : "images of " + std::to_string(shape.x_grid[0]) + " x " +
                                                      std::to_string(shape.x_grid[1]) + " pixels";
  return "the model is conditioned on " + what + " of " + core::count_text(shape.x_channels, "channel") +
         (shape.x_places.empty()
              ? ""
              : ", which are some of " + std::to_string(shape.x_given) + " values of x (data.use_x)");
}

/// An array of sets as [rows, elements, channels].
Dims set_dims(const Dims& found, const DataShape& shape, const std::string& path) {
  const int64_t channels = shape.x_channels;
  Dims dims = found;
  if (channels == 1 && dims.size() == 2 && dims[1] == 1 && dims[0] > 1 && shape.x_dim > 1) {
    throw core::UserError(path + ": x has the shape " + core::shape_text(found) +
                          ", which may be one set or many of one element; give [rows, elements, 1]");
  }
  if (channels == 1 && dims.size() == 1) dims.insert(dims.begin(), 1);
  if (channels == 1 && dims.size() == 2) {
    dims.push_back(1);
  } else if (dims.size() == 2) {
    dims.insert(dims.begin(), 1);
  }
  const bool fits = dims.size() == 3 && dims[2] == channels && dims[1] >= 1;
  if (fits && dims[1] <= shape.x_dim) return dims;
  throw core::UserError(
      path + ": x has the shape " + core::shape_text(found) + ", the model was trained on sets of up to " +
      core::count_text(shape.x_dim, "element") + " of " + core::count_text(channels, "channel") +
      "; give [rows, elements, " + std::to_string(channels) + "]" +
      (fits ? " with fewer elements, or train on sets of that size" : ""));
}

/// Sets of the array, filled up with absent elements.
Observations take_sets(const io::Array& x, const DataShape& shape, const std::string& path) {
  const Dims dims = set_dims(x.shape, shape, path);
  const std::vector<double> values = x.to_double();
  const auto given = static_cast<size_t>(dims[1] * dims[2]), size = static_cast<size_t>(shape.x_size());
  Observations sets{dims[0], std::vector<double>(static_cast<size_t>(dims[0]) * size,
                                                 std::numeric_limits<double>::quiet_NaN())};
  for (size_t row = 0; row < static_cast<size_t>(dims[0]); ++row) {
    std::copy_n(values.begin() + static_cast<int64_t>(row * given), given,
                sets.x.begin() + static_cast<int64_t>(row * size));
  }
  return sets;
}

/// Throws unless every row is a set: absent elements are NaN throughout.
void check_sets(const Observations& sets, const DataShape& shape, const std::string& path) {
  const auto size = static_cast<size_t>(shape.x_size());
  for (int64_t row = 0; row < sets.rows; ++row) {
    const auto x = std::span(sets.x).subspan(static_cast<size_t>(row) * size, size);
    const std::string problem = set_problem(x, shape.x_channels);
    if (!problem.empty())
      throw core::UserError(path + ": row " + std::to_string(row) + " (counted from 0): " + problem);
  }
}

Observations from_csv(const std::string& path, const DataShape& shape,
                      const std::vector<std::string>& names) {
  if (shape.x_channels != 1) {
    throw core::UserError(path + ": a CSV file has one channel, the model is conditioned on " +
                          core::count_text(shape.x_channels, "channel") + " a token; use .npy, .npz or .h5");
  }
  TableRows table =
      load_columns(path, names, "data", "the model is conditioned on", {shape.x_places, shape.x_given});
  return {table.rows, std::move(table.values)};
}

// Throws for no rows and for values that the model cannot take.
void check_values(const Observations& observations, const std::string& path, const DataShape& shape,
                  const std::vector<std::string>& names, bool gaps) {
  if (observations.rows == 0) throw core::UserError(path + " holds no rows of x");
  if (shape.padded) return check_sets(observations, shape, path);
  const bool may_lack = gaps || shape.missing;
  const auto bad = std::find_if(observations.x.begin(), observations.x.end(), [may_lack](double v) {
    return !is_finite(v) && !(may_lack && std::isnan(v));
  });
  if (bad != observations.x.end()) {
    const auto at = bad - observations.x.begin();
    const auto features = feature_names(names, shape.x_channels);
    throw core::UserError(path + ": row " + std::to_string(at / shape.x_size()) +
                          " (counted from 0) holds NaN, or a value that is infinite or " + beyond_largest +
                          ", in " + features[static_cast<size_t>(at % shape.x_size())] +
                          (may_lack
                               ? "; a value that is missing is NaN"
                               : "; an observation must be complete for this model: one that was trained "
                                 "with data.nan: impute answers without the values that are missing"));
  }
}

}  // namespace

Observations observations_of(const io::Array& x, const std::string& name, const DataShape& shape,
                             const std::vector<std::string>& x_names, bool gaps) {
  Observations observations;
  if (shape.padded) {
    observations = take_sets(x, shape, name);
  } else {
    observations.rows = count_rows(x.shape, layouts_of_files(shape), name, "x", condition_text(shape));
    const int64_t numbers = observations.rows > 0 ? x.elements() / observations.rows : 0;
    observations.x = seen_values(x.to_double(), numbers, shape);
  }
  check_values(observations, name, shape, resolve_names(x_names, "x", shape.x_dim), gaps);
  return observations;
}

Observations load_observations(const std::string& path, const DataShape& shape,
                               const std::vector<std::string>& x_names, bool gaps) {
  const auto names = resolve_names(x_names, "x", shape.x_dim);
  if (!io::is_text_table(path)) {
    const io::Array x = with_rows_first(load_side_by_name(path, "x", names, shape.x_channels), shape, path,
                                        "x", [&](const Dims& found) { return fits_model(found, shape); });
    return observations_of(x, path, shape, x_names, gaps);
  }
  Observations observations = from_csv(path, shape, names);
  check_values(observations, path, shape, names, gaps);
  return observations;
}

}  // namespace fluxsbi::data
