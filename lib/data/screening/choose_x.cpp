#include "data/screening/choose_x.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "core/text.hpp"
#include "data/dataset.hpp"
#include "data/screening/screening.hpp"

namespace fluxsbi::data {

namespace {

// Complete rows, evenly spaced.
JudgedRows rows_of(const RowSource& source) {
  const int64_t total = source.rows(), taken = std::min(total, most_screened_rows);
  std::vector<int64_t> chosen;
  for (int64_t i = 0; i < taken; ++i) chosen.push_back(i * total / taken);
  JudgedRows rows{
      static_cast<size_t>(source.theta().row_size()), static_cast<size_t>(source.x().row_size()), {}};
  std::vector<double> theta(chosen.size() * rows.theta_size), x(chosen.size() * rows.x_size);
  read_rows(source.theta(), chosen, theta);
  read_rows(source.x(), chosen, x);
  const auto row_of = [](const std::vector<double>& values, size_t row, size_t size) {
    return std::span(values).subspan(row * size, size);
  };
  const auto finite = [](std::span<const double> values) {
    return std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
  };
  for (size_t i = 0; i < chosen.size(); ++i) {
    const auto one_theta = row_of(theta, i, rows.theta_size), one_x = row_of(x, i, rows.x_size);
    if (!finite(one_theta) || !finite(one_x)) continue;
    rows.values.insert(rows.values.end(), one_theta.begin(), one_theta.end());
    rows.values.insert(rows.values.end(), one_x.begin(), one_x.end());
  }
  return rows;
}

}  // namespace

std::string screening_problem(const DataShape& shape, const DataOptions& options) {
  if (options.online) return "rows are simulated while training";
  if (options.nan == NanPolicy::impute || options.nan == NanPolicy::pad) return "values of x may be missing";
  if (shape.x_dim == 0) return "there is no x";
  if (shape.x_channels != 1 || !shape.x_grid.empty()) return "x is no vector";
  if (shape.x_dim > most_screened_values)
    return "x has more than " + std::to_string(most_screened_values) + " values";
  return "";
}

bool XRows::enough() const {
  return std::cmp_greater_equal(rows.rows(), least_screened_rows);
}

XRows rows_about_x(DataOptions options, uint64_t seed) {
  if (options.use_x.automatic) options.use_x = {};
  Dataset dataset = open_dataset(options, seed);
  return {dataset.shape, std::move(dataset.x_names), rows_of(*dataset.rows)};
}

ChosenX choose_x(XRows& rows, DataOptions& options) {
  options.use_x = {};
  const std::string values = core::count_text(rows.shape.x_dim, "value"), all = "all of " + values;
  if (const std::string problem = screening_problem(rows.shape, options); !problem.empty())
    return {all, problem};
  if (!rows.enough())
    return {all, "there are fewer than " + std::to_string(least_screened_rows) + " complete rows"};
  const Screening found = screen_values(rows.rows);
  if (std::ssize(found.kept) == rows.shape.x_dim) return {all, found.reason};
  std::vector<double> kept;
  for (size_t row = 0; row < rows.rows.rows(); ++row) {
    const auto one = std::span(rows.rows.values).subspan(row * rows.rows.width(), rows.rows.width());
    kept.insert(kept.end(), one.begin(), one.begin() + static_cast<std::ptrdiff_t>(rows.rows.theta_size));
    for (const int64_t place : found.kept)
      kept.push_back(one[rows.rows.theta_size + static_cast<size_t>(place)]);
  }
  for (const int64_t place : found.kept)
    options.use_x.names.push_back(rows.names[static_cast<size_t>(place)]);
  rows.rows = {rows.rows.theta_size, found.kept.size(), std::move(kept)};
  rows.names = options.use_x.names;
  see_some(rows.shape, found.kept);
  return {core::list_first(rows.names, 12) + " (" + std::to_string(found.kept.size()) + " of " + values + ")",
          found.reason};
}

ChosenX choose_x(DataOptions& options, uint64_t seed) {
  if (options.online) {
    options.use_x = {};
    return {"all", screening_problem({}, options)};
  }
  XRows rows = rows_about_x(options, seed);
  return choose_x(rows, options);
}

}  // namespace fluxsbi::data
