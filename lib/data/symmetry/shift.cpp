#include "data/symmetry/shift.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <numeric>
#include <optional>
#include <utility>

#include "core/philox.hpp"
#include "data/prior/cholesky.hpp"
#include "data/screening/rank_columns.hpp"

namespace fluxsbi::data {

namespace {

constexpr double least_distinct = 0.99;  // a share of rows

// Slopes of each value of x on each parameter, and their standard errors, [x size, theta size].
struct Slopes {
  std::vector<double> slope, error;
};

std::vector<double> centred(const JudgedRows& rows, size_t column) {
  std::vector<double> values = rows.column(column);
  double mean = 0;
  for (const double value : values) mean += value / static_cast<double>(values.size());
  for (double& value : values) value -= mean;
  return values;
}

double sum_of_products(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// Least squares; nothing where parameters depend on each other linearly, or rows are few.
std::optional<Slopes> regress(const JudgedRows& rows) {
  const size_t n = rows.rows(), parameters = rows.theta_size;
  if (n < parameters + 2) return std::nullopt;
  std::vector<std::vector<double>> theta;
  for (size_t j = 0; j < parameters; ++j) theta.push_back(centred(rows, j));
  std::vector<double> matrix(parameters * parameters);
  for (size_t i = 0; i < parameters; ++i) {
    for (size_t j = 0; j < parameters; ++j) matrix[i * parameters + j] = sum_of_products(theta[i], theta[j]);
  }
  const auto factor = cholesky(matrix, parameters);
  if (!factor) return std::nullopt;
  std::vector<double> inverse(parameters);  // its diagonal
  for (size_t j = 0; j < parameters; ++j) {
    std::vector<double> unit(parameters);
    unit[j] = 1;
    solve_cholesky(*factor, unit);
    inverse[j] = unit[j];
  }
  Slopes slopes;
  for (size_t k = 0; k < rows.x_size; ++k) {
    const std::vector<double> x = centred(rows, parameters + k);
    std::vector<double> moments;
    for (const auto& parameter : theta) moments.push_back(sum_of_products(parameter, x));
    std::vector<double> slope = moments;
    solve_cholesky(*factor, slope);
    const double left = std::max(0.0, sum_of_products(x, x) - sum_of_products(slope, moments));
    for (size_t j = 0; j < parameters; ++j) {
      slopes.slope.push_back(slope[j]);
      slopes.error.push_back(std::sqrt(left / static_cast<double>(n - parameters - 1) * inverse[j]));
    }
  }
  return slopes;
}

// Whether any number may stand in this column.
bool is_continuous(const JudgedRows& rows, size_t column) {
  std::vector<double> values = rows.column(column);
  if (!std::ranges::all_of(values, [](double value) { return std::isfinite(value); }) ||
      std::ranges::all_of(values, [](double value) { return value == std::round(value); }))
    return false;
  std::ranges::sort(values);
  const auto distinct = std::distance(values.begin(), std::unique(values.begin(), values.end()));
  return static_cast<double>(distinct) >= least_distinct * static_cast<double>(rows.rows());
}

// The exact slope that an estimate may be of.
std::optional<int8_t> exact_slope(double slope, double error) {
  const double nearest = std::round(slope);
  if (!(error <= most_slope_error) || std::abs(nearest) > 1 ||
      std::abs(slope - nearest) > most_slope_deviations * error)
    return std::nullopt;
  return static_cast<int8_t>(nearest);
}

// The parameter, the same of another row, the other parameters, and x without the parameter's part.
JudgedRows parts_of(const JudgedRows& rows, const Shift& shift) {
  const size_t n = rows.rows(), width = rows.width();
  std::vector<size_t> donors(n);
  std::iota(donors.begin(), donors.end(), size_t{0});
  core::Philox random(0, core::Purpose::shuffle, shift.parameter);
  for (size_t i = n; i > 1; --i) std::swap(donors[i - 1], donors[random.below(i)]);
  JudgedRows parts{rows.theta_size + 1, rows.x_size, {}};
  parts.values.reserve(n * (width + 1));
  for (size_t i = 0; i < n; ++i) {
    const auto row = std::span(rows.values).subspan(i * width, width);
    const double own = row[shift.parameter];
    parts.values.push_back(own);
    parts.values.push_back(rows.values[donors[i] * width + shift.parameter]);
    for (size_t j = 0; j < rows.theta_size; ++j) {
      if (j != shift.parameter) parts.values.push_back(row[j]);
    }
    std::vector<double> x(row.begin() + static_cast<std::ptrdiff_t>(rows.theta_size), row.end());
    shift.apply(own, 0, x);
    parts.values.insert(parts.values.end(), x.begin(), x.end());
  }
  return parts;
}

// Whether polynomials of the parameter go with those of single other columns, products of two, or a ridge
// regression on all of them: no second row takes part, whose chance hides small dependences.
SymmetryEvidence told_by_others(const JudgedRows& parts) {
  constexpr size_t most_products = 300;
  const std::array<Column, 3> own = rank_polynomials(parts.column(0));
  std::vector<Column> single, others;
  for (size_t at = 2; at < parts.width(); ++at) {
    std::array<Column, 3> columns = rank_polynomials(parts.column(at));
    single.push_back(columns[0]);
    std::ranges::move(columns, std::back_inserter(others));
  }
  for (const auto& [a, b] : pairs_of(single.size(), most_products))
    others.push_back(product(single[a], single[b]));
  std::erase_if(others, [](const Column& other) { return other.empty(); });
  SymmetryEvidence evidence;
  if (others.empty()) return evidence;
  const auto n = static_cast<double>(parts.rows());
  std::vector<const Column*> inputs;
  for (const Column& other : others) {
    inputs.push_back(&other);
    for (const Column& polynomial : own)
      evidence.deviation = std::max(evidence.deviation, std::abs(dot(polynomial, other)) / std::sqrt(n));
  }
  evidence.statistics = static_cast<double>(own.size() * others.size());
  for (const double penalty : ridge_penalties) {
    const HalfRidge even(inputs, 0, penalty), odd(inputs, 1, penalty);
    for (const Column& polynomial : own) {
      if (polynomial.empty()) continue;
      const double both = even.told(polynomial) + odd.told(polynomial);
      evidence.direction = std::max(evidence.direction, both / 2);
    }
  }
  return evidence;
}

}  // namespace

void Shift::apply(double own, double other, std::span<double> x) const {
  for (const SignedPlace& place : moved) x[static_cast<size_t>(place.index)] += place.sign * (other - own);
}

Shift Shift::carried(const RowForm& form) const {
  const auto to = [](const SignedPermutation& side, int32_t from) {
    return static_cast<size_t>(std::ranges::find(side.from, from) - side.from.begin());
  };
  Shift shift{to(form.theta, static_cast<int32_t>(parameter)), {}};
  for (const SignedPlace& place : moved) {
    const size_t at = to(form.x, place.index);
    const int sign = place.sign * form.x.sign[at] * form.theta.sign[shift.parameter];
    shift.moved.push_back({true, static_cast<int32_t>(at), static_cast<int8_t>(sign)});
  }
  std::ranges::sort(shift.moved, {}, &SignedPlace::index);
  return shift;
}

Shift shift_of(const Symmetry& symmetry) {
  Shift shift;
  for (const SignedPlace& place : symmetry.blocks.front()) {
    if (place.of_x)
      shift.moved.push_back(place);
    else
      shift.parameter = static_cast<size_t>(place.index);
  }
  return shift;
}

SymmetryEvidence judge_shift(const JudgedRows& rows, const Shift& shift, double level) {
  JudgedRows parts = parts_of(rows, shift);
  const SymmetryEvidence told = told_by_others(parts);
  if (told.deviation > told.limit(level)) return told;
  const Symmetry exchange{{{{false, 0, 1}}, {{false, 1, 1}}}};
  const RowForm form = exchange.generators(parts.theta_size, parts.x_size).front();
  SymmetryEvidence exchanged = SymmetryTest(std::move(parts)).judge(form, level);
  exchanged.direction = std::max(exchanged.direction, told.direction);
  return exchanged;
}

std::vector<Symmetry> shift_candidates(const JudgedRows& rows, std::span<const uint8_t> may_move) {
  const std::optional<Slopes> slopes = regress(rows);
  if (!slopes) return {};
  std::vector<uint8_t> movable(may_move.begin(), may_move.end());
  for (size_t k = 0; k < rows.x_size; ++k)
    movable[k] = movable[k] != 0 && is_continuous(rows, rows.theta_size + k);
  std::vector<Symmetry> candidates;
  for (size_t j = 0; j < rows.theta_size; ++j) {
    std::vector<SignedPlace> block{{false, static_cast<int32_t>(j), 1}};
    bool exact = true;
    for (size_t k = 0; k < rows.x_size && exact; ++k) {
      const size_t at = k * rows.theta_size + j;
      const auto slope = exact_slope(slopes->slope[at], slopes->error[at]);
      exact = slope && (*slope == 0 || movable[k] != 0);
      if (exact && *slope != 0) block.push_back({true, static_cast<int32_t>(k), *slope});
    }
    if (exact && block.size() > 1) candidates.push_back({{std::move(block)}, SymmetryKind::shift});
  }
  return candidates;
}

}  // namespace fluxsbi::data
