#include "diagnose/tail.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

namespace fluxsbi::diagnose {

namespace {

constexpr size_t least_counted = 10, most_fitted = 250;

// Of the m largest, null[0] >= ... >= null[m - 1], above the threshold null[m].
double fitted_tail(const std::vector<double>& null, size_t m, double value) {
  const double threshold = null[m], count = static_cast<double>(m);
  double mean = 0, weighted = 0;  // Hosking & Wallis: a_0, and a_1 = E[Y (1 - F(Y))]
  for (size_t i = 0; i < m; ++i) {
    const double excess = null[i] - threshold;
    mean += excess / count;
    weighted += excess * (static_cast<double>(i) + 0.35) / count / count;
  }
  if (!(mean > 0)) return 0;
  const double rest = mean - 2 * weighted;
  double shape = rest > 0 ? 2 - mean / rest : 0;
  const double least = 1 / count;
  const double scale = shape > least ? 2 * mean * weighted / rest : mean;
  shape = std::max(shape, least);
  return std::pow(1 + shape * (value - threshold) / scale, -1 / shape);
}

}  // namespace

double tail_probability(std::vector<double> null, double value) {
  std::sort(null.begin(), null.end(), std::greater<>());
  const size_t n = null.size();
  const auto larger = static_cast<size_t>(
      std::partition_point(null.begin(), null.end(), [value](double v) { return v >= value; }) -
      null.begin());
  const double counted = static_cast<double>(larger + 1) / static_cast<double>(n + 1);
  const size_t m = std::min(std::max(least_counted, n / 5), most_fitted);
  if (larger >= least_counted || n <= m) return counted;
  return static_cast<double>(m) / static_cast<double>(n) * fitted_tail(null, m, value);
}

}  // namespace fluxsbi::diagnose
