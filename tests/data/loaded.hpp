// A dataset with all its rows in memory, for tests that look at values.
#pragma once

#include <string>
#include <vector>

#include "data/dataset.hpp"
#include "data/survey.hpp"

namespace fluxsbi::test {

struct Loaded {
  data::DataShape shape;
  int64_t rows = 0;
  std::vector<float> theta, x;  // [rows, ...] of the rows that data.nan keeps
  std::vector<std::string> theta_names, x_names;
  data::PriorOptions prior;
  std::string source;
  int64_t dropped = 0;
};

inline std::vector<float> rows_of(const data::RowArray& array, const std::vector<int64_t>& rows) {
  std::vector<double> values(rows.size() * static_cast<size_t>(array.row_size()));
  data::read_rows(array, rows, values);
  return {values.begin(), values.end()};
}

inline Loaded load_dataset(data::DataOptions options, uint64_t seed) {
  options.standardise_theta = options.standardise_x = data::Standardise::none;
  options.constant = data::ConstantColumns::keep;
  const data::Dataset dataset = data::open_dataset(options, seed);
  const data::Survey survey = data::survey(dataset, options, seed);
  const auto kept = survey.kept.all();
  return {dataset.shape,
          survey.kept.size(),
          rows_of(dataset.rows->theta(), kept),
          rows_of(dataset.rows->x(), kept),
          dataset.theta_names,
          dataset.x_names,
          dataset.prior,
          dataset.source,
          survey.dropped};
}

}  // namespace fluxsbi::test
