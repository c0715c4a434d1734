#include "data/look/independence.hpp"

#include <algorithm>
#include <cmath>

#include "core/philox.hpp"
#include "data/symmetry/symmetry_test.hpp"

namespace fluxsbi::data {

namespace {

// Chance shows a dependence where there is none in one of twenty data sets, which then get no warning.
constexpr double level = 0.05, most_direction = 2;

std::vector<int64_t> tested_rows(const RowSample& sample) {
  std::vector<int64_t> whole;
  const auto finite = [](double value) { return std::isfinite(value); };
  for (int64_t row = 0; row < sample.rows; ++row) {
    const auto theta = sample.theta_row(row), x = sample.x_row(row);
    if (sample.used(row) && std::ranges::all_of(theta, finite) && std::ranges::all_of(x, finite))
      whole.push_back(row);
  }
  std::vector<int64_t> rows;
  const size_t count = std::min(whole.size(), most_tested);
  for (size_t k = 0; k < count; ++k) rows.push_back(whole[k * whole.size() / count]);
  return rows;
}

// Some parameters, x, and the x of a row at random.
bool is_independent(const RowSample& sample, std::span<const int64_t> rows,
                    std::span<const size_t> parameters) {
  std::vector<int64_t> others(rows.begin(), rows.end());
  core::Philox random(0, core::Purpose::shuffle, others.size());
  for (size_t i = others.size(); i > 1; --i) std::swap(others[i - 1], others[random.below(i)]);
  JudgedRows judged{parameters.size(), 2 * sample.x_size, {}};
  for (size_t i = 0; i < rows.size(); ++i) {
    for (const size_t parameter : parameters) judged.values.push_back(sample.theta_row(rows[i])[parameter]);
    for (const int64_t row : {rows[i], others[i]}) {
      const auto x = sample.x_row(row);
      judged.values.insert(judged.values.end(), x.begin(), x.end());
    }
  }
  Symmetry exchange{{{}, {}}};
  for (size_t i = 0; i < 2 * sample.x_size; ++i)
    exchange.blocks[i / sample.x_size].push_back({true, static_cast<int32_t>(i), 1});
  const SymmetryTest test(std::move(judged));
  const RowForm form = exchange.generators(parameters.size(), 2 * sample.x_size).front();
  const SymmetryEvidence evidence = test.judge(form, level);
  return evidence.deviation < evidence.limit(level) && evidence.direction < most_direction;
}

}  // namespace

std::vector<Finding> find_independence(const RowSample& sample, std::span<const ColumnFacts> theta,
                                       std::span<const ColumnFacts> x) {
  const auto varies = [](const ColumnFacts& column) { return column.distinct > 1; };
  if (sample.x_size == 0 || sample.x_size > most_tested_values || !std::ranges::any_of(x, varies)) return {};
  const std::vector<int64_t> rows = tested_rows(sample);
  if (rows.size() < least_tested) return {};
  std::vector<size_t> parameters;
  for (size_t i = 0; i < theta.size(); ++i) {
    if (varies(theta[i])) parameters.push_back(i);
  }
  if (parameters.empty() || parameters.size() > most_tested_values) return {};

  std::vector<FindingItem> untold;
  for (const size_t i : parameters) {
    if (is_independent(sample, rows, std::span(&i, 1)))
      untold.push_back(
          {theta[i].name, std::to_string(rows.size()) + " rows", static_cast<double>(rows.size())});
  }
  if (untold.empty()) return {};
  // Several parameters may be told together though none is by itself: the sum of two, say.
  if (untold.size() == parameters.size() && is_independent(sample, rows, parameters)) {
    return {
        {Severity::warning,
         "independent",
         {},
         static_cast<double>(rows.size()),
         "x tells nothing of theta that " + std::to_string(rows.size()) + " rows could show",
         "make sure that row i of theta and row i of x are one simulation; else the posterior is the prior",
         ""}};
  }
  return {grouped(Severity::note, "untold", std::move(untold),
                  "parameters of which x tells nothing that these rows could show: ", "",
                  "their posteriors will be their priors", "")};
}

}  // namespace fluxsbi::data
