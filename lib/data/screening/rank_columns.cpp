#include "data/screening/rank_columns.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/philox.hpp"
#include "data/prior/cholesky.hpp"

namespace fluxsbi::data {

namespace {

constexpr uint64_t stream = 0x73637265;  // the same random pairs for every seed of a training

Column standardised(Column values) {
  double sum = 0, squares = 0;
  for (const float value : values) sum += value;
  const double mean = sum / static_cast<double>(values.size());
  for (const float value : values) squares += (value - mean) * (value - mean);
  const double deviation = std::sqrt(squares / static_cast<double>(values.size()));
  if (!(deviation > 1e-6)) return {};
  for (float& value : values) value = static_cast<float>((value - mean) / deviation);
  return values;
}

}  // namespace

std::array<Column, 3> rank_polynomials(std::span<const double> values) {
  const size_t n = values.size(), even = (n + 1) / 2;
  std::vector<std::pair<double, size_t>> sorted(n);
  for (size_t place = 0; place < n; ++place)
    sorted[place] = {values[place < even ? 2 * place : 2 * (place - even) + 1], place};
  std::sort(sorted.begin(), sorted.end());
  std::array<Column, 3> columns{Column(n), Column(n), Column(n)};
  for (size_t first = 0, last = 0; first < n; first = last) {
    while (last < n && sorted[last].first == sorted[first].first) ++last;
    const double r = static_cast<double>(first + last) / static_cast<double>(n) - 1;
    for (size_t i = first; i < last; ++i) {
      columns[0][sorted[i].second] = static_cast<float>(r);
      columns[1][sorted[i].second] = static_cast<float>(1.5 * r * r - 0.5);
      columns[2][sorted[i].second] = static_cast<float>(2.5 * r * r * r - 1.5 * r);
    }
  }
  for (Column& column : columns) column = standardised(std::move(column));
  return columns;
}

Column product(const Column& a, const Column& b) {
  Column both(std::min(a.size(), b.size()));
  for (size_t i = 0; i < both.size(); ++i) both[i] = a[i] * b[i];
  return both.empty() ? both : standardised(std::move(both));
}

// Sums in lanes, which compilers turn into vectors.
double dot(std::span<const float> a, std::span<const float> b) {
  constexpr size_t lanes = 16;
  std::array<float, lanes> sums{};
  const size_t n = std::min(a.size(), b.size());
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    for (size_t lane = 0; lane < lanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  }
  double sum = 0;
  for (const float one : sums) sum += one;
  for (; i < n; ++i) sum += double{a[i]} * b[i];
  return sum;
}

std::span<const float> half_of(const Column& column, size_t which) {
  const size_t even = (column.size() + 1) / 2;
  return which == 0 ? std::span(column).first(even) : std::span(column).subspan(even);
}

std::vector<std::pair<size_t, size_t>> pairs_of(size_t size, size_t most) {
  std::vector<std::pair<size_t, size_t>> pairs;
  if (size * (size - std::min<size_t>(size, 1)) / 2 <= most) {
    for (size_t i = 0; i < size; ++i) {
      for (size_t j = i + 1; j < size; ++j) pairs.emplace_back(i, j);
    }
    return pairs;
  }
  core::Philox random(0, core::Purpose::classifier, stream);
  while (pairs.size() < most) {
    const size_t i = random.below(size), j = random.below(size);
    if (i < j) pairs.emplace_back(i, j);
  }
  return pairs;
}

HalfRidge::HalfRidge(std::vector<const Column*> inputs, size_t half, double penalty)
    : inputs_(std::move(inputs)), half_(half) {
  const size_t p = inputs_.size();
  core::require(p > 0, "a regression needs inputs");
  std::vector<double> matrix(p * p);
  for (size_t i = 0; i < p; ++i) {
    for (size_t j = 0; j <= i; ++j)
      matrix[i * p + j] = dot(half_of(*inputs_[i], half), half_of(*inputs_[j], half));
    matrix[i * p + i] += penalty * static_cast<double>(half_of(*inputs_[i], half).size());
  }
  auto factor = cholesky(matrix, p);
  core::require(factor.has_value(), "a penalty makes the sums of products positive definite");
  factor_ = std::move(*factor);
}

std::vector<double> HalfRidge::weights(const Column& output) const {
  std::vector<double> found;
  for (const Column* input : inputs_) found.push_back(dot(half_of(*input, half_), half_of(output, half_)));
  solve_cholesky(factor_, found);
  return found;
}

std::vector<float> HalfRidge::predicted(std::span<const double> weights, size_t half) const {
  std::vector<float> sums(half_of(*inputs_[0], half).size());
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const auto input = half_of(*inputs_[i], half);
    const auto weight = static_cast<float>(weights[i]);
    for (size_t row = 0; row < sums.size(); ++row) sums[row] += weight * input[row];
  }
  return sums;
}

double HalfRidge::told(const Column& output) const {
  const std::vector<float> foreseen = predicted(weights(output), 1 - half_);
  const auto actual = half_of(output, 1 - half_);
  double sum = 0, squares = 0;
  for (size_t row = 0; row < actual.size(); ++row) {
    const double along = double{foreseen[row]} * actual[row];
    sum += along;
    squares += along * along;
  }
  const auto count = static_cast<double>(actual.size());
  const double mean = sum / count, variance = squares / count - mean * mean;
  return variance > 0 ? mean / std::sqrt(variance / count) : 0;
}

}  // namespace fluxsbi::data
