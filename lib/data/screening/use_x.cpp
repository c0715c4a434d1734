#include "data/screening/use_x.hpp"

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fluxsbi::data {

namespace {

constexpr const char* words = "all, auto or a list of names such as [x_0, x_3]";

// The values at `places` of rows [rows, given], to `out` [rows, places].
void pick(std::span<const double> rows, int64_t given, std::span<const int64_t> places,
          std::span<double> out) {
  auto next = out.begin();
  for (size_t row = 0; row < rows.size(); row += static_cast<size_t>(given)) {
    for (const int64_t place : places) *next++ = rows[row + static_cast<size_t>(place)];
  }
}

// Rows of which some columns are read.
class SomeColumns final : public RowArray {
 public:
  SomeColumns(RowArrayPtr rows, std::vector<int64_t> places)
      : RowArray(rows->rows(), std::ssize(places), rows->is_single()),
        all_(std::move(rows)),
        places_(std::move(places)) {}

  bool in_memory() const override { return all_->in_memory(); }
  void read(int64_t first, int64_t count, std::span<double> out) const override {
    std::vector<double> rows(static_cast<size_t>(count * all_->row_size()));
    all_->read(first, count, rows);
    pick(rows, all_->row_size(), places_, out);
  }
  void gather(std::span<const int64_t> rows, std::span<double> out) const override {
    std::vector<double> values(rows.size() * static_cast<size_t>(all_->row_size()));
    all_->gather(rows, values);
    pick(values, all_->row_size(), places_, out);
  }

 private:
  RowArrayPtr all_;
  std::vector<int64_t> places_;
};

}  // namespace

config::Problem read(const config::Value& value, UseX& out) {
  using config::Value;
  if (value.kind == Value::Kind::scalar) {
    if (value.scalar != "all" && value.scalar != "auto")
      return std::string("must be ") + words + ", found " + value.description();
    out = {value.scalar == "auto"};
    return {};
  }
  std::vector<std::string> names;
  if (auto problem = config::read(value, names)) return problem;
  if (names.empty()) return std::string("must be ") + words + ", found an empty list";
  out = {false, std::move(names)};
  return {};
}

std::string emit(const UseX& value) {
  if (value.names.empty()) return value.automatic ? "auto" : "all";
  return config::emit(value.names);
}

std::string type_name(const UseX*) {
  return "text or list of text";
}

std::vector<int64_t> places_of(const std::vector<std::string>& used, const std::vector<std::string>& names) {
  std::vector<int64_t> places;
  for (const std::string& name : used) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end())
      throw core::UserError("data.use_x: no value of x is called " + core::quoted(name) +
                            core::did_you_mean(name, names));
    places.push_back(found - names.begin());
  }
  std::sort(places.begin(), places.end());
  if (const auto twice = std::adjacent_find(places.begin(), places.end()); twice != places.end())
    throw core::UserError("data.use_x names " + names[static_cast<size_t>(*twice)] + " twice");
  return places;
}

void see_some(DataShape& shape, std::vector<int64_t> places) {
  if (shape.x_channels != 1 || !shape.x_grid.empty() || shape.padded)
    throw core::UserError("data.use_x is for vectors of x, and a row holds " +
                          std::string(!shape.x_grid.empty()
                                          ? "an image"
                                          : "elements of " + core::count_text(shape.x_channels, "channel")) +
                          "; set data.use_x: all");
  shape.x_given = shape.x_dim;
  shape.x_dim = std::ssize(places);
  shape.x_places = std::move(places);
}

DataShape given_shape(const DataShape& shape) {
  DataShape given = shape;
  if (shape.x_places.empty()) return given;
  given.x_dim = shape.x_given;
  given.x_places.clear();
  given.x_given = 0;
  return given;
}

std::vector<double> values_at(std::span<const double> rows, int64_t given, std::span<const int64_t> places) {
  std::vector<double> values(rows.size() / static_cast<size_t>(given) * places.size());
  pick(rows, given, places, values);
  return values;
}

std::shared_ptr<const RowSource> rows_seen_at(const RowSource& rows, std::vector<int64_t> places) {
  return std::make_shared<const RowSource>(
      rows.theta_array(), std::make_shared<const SomeColumns>(rows.x_array(), std::move(places)));
}

std::vector<double> seen_values(std::vector<double> rows, int64_t numbers, const DataShape& shape) {
  if (shape.x_places.empty() || numbers != shape.x_given) return rows;
  return values_at(rows, shape.x_given, shape.x_places);
}

std::string seen_text(const DataShape& shape, const std::vector<std::string>& x_names) {
  return std::to_string(shape.x_dim) + " of " + core::count_text(shape.x_given, "value") +
         " of x (data.use_x): " + core::list_first(x_names, 10);
}

}  // namespace fluxsbi::data
