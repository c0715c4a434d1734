#include "data/look/two_samples.hpp"

#include <algorithm>
#include <cmath>

namespace fluxsbi::data {

namespace {

double kolmogorov_tail(double lambda) {
  if (lambda < 0.2) return 1;  // Q is 1 to 13 digits there, and its series converges slowly
  double sum = 0, sign = 1;
  for (int k = 1; k <= 100; ++k, sign = -sign) {
    const double term = std::exp(-2 * lambda * lambda * k * k);
    sum += sign * term;
    if (term < 1e-16 * sum) break;
  }
  return std::clamp(2 * sum, 0.0, 1.0);
}

double probability_of(double distance, double root) {
  return kolmogorov_tail((root + 0.12 + 0.11 / root) * distance);
}

}  // namespace

KolmogorovSmirnov kolmogorov_smirnov(std::vector<double> a, std::vector<double> b) {
  KolmogorovSmirnov result;
  if (a.empty() || b.empty()) return result;
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  const auto n_a = static_cast<double>(a.size()), n_b = static_cast<double>(b.size());
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const double value = std::min(a[i], b[j]);
    while (i < a.size() && a[i] == value) ++i;
    while (j < b.size() && b[j] == value) ++j;
    result.distance =
        std::max(result.distance, std::abs(static_cast<double>(i) / n_a - static_cast<double>(j) / n_b));
  }
  result.probability = probability_of(result.distance, std::sqrt(n_a * n_b / (n_a + n_b)));
  return result;
}

KolmogorovSmirnov kolmogorov_smirnov_uniform(std::vector<double> u) {
  KolmogorovSmirnov result;
  if (u.empty()) return result;
  std::sort(u.begin(), u.end());
  const auto n = static_cast<double>(u.size());
  for (size_t i = 0; i < u.size(); ++i) {
    const auto below = static_cast<double>(i);
    result.distance = std::max({result.distance, (below + 1) / n - u[i], u[i] - below / n});
  }
  result.probability = probability_of(result.distance, std::sqrt(n));
  return result;
}

}  // namespace fluxsbi::data
