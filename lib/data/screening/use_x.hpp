// data.use_x: which values of x a model sees.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "config/rules.hpp"
#include "data/shape.hpp"
#include "data/source/row_source.hpp"

namespace fluxsbi::data {

/// The values of x that a model sees: all, those that are found in the data to have to do with theta, or
/// those of these names.
struct UseX {
  bool automatic = false;
  std::vector<std::string> names = {};  ///< empty, and not automatic: all

  bool all() const { return !automatic && names.empty(); }
  bool operator==(const UseX&) const = default;
};

/// "all", "auto" or a list of names that is not empty.
config::Problem read(const config::Value& value, UseX& out);
std::string emit(const UseX& value);
std::string type_name(const UseX*);

/// The places of the values `used` among `names`, ascending. Throws UserError naming data.use_x for a name
/// that no value has (with the nearest) or that stands twice.
std::vector<int64_t> places_of(const std::vector<std::string>& used, const std::vector<std::string>& names);

/// Makes the shape of all values that of those at `places`. Throws UserError naming data.use_x for x that is
/// no vector: images, series of several channels, sets.
void see_some(DataShape& shape, std::vector<int64_t> places);

/// The shape with all values of x that files and simulators give.
DataShape given_shape(const DataShape& shape);

/// The values at `places` of rows [rows, given].
std::vector<double> values_at(std::span<const double> rows, int64_t given, std::span<const int64_t> places);
/// The same rows with these values of x alone, which are read as they are asked for.
std::shared_ptr<const RowSource> rows_seen_at(const RowSource& rows, std::vector<int64_t> places);

/// Rows of all values of x as a model of this shape sees them: those at shape.x_places where it sees some,
/// and rows that hold those alone as they are. `numbers` is how many values a row has.
std::vector<double> seen_values(std::vector<double> rows, int64_t numbers, const DataShape& shape);

/// "8 of 100 values of x (data.use_x): x_3, x_17 and 6 more"
std::string seen_text(const DataShape& shape, const std::vector<std::string>& x_names);

}  // namespace fluxsbi::data
