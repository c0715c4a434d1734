#include "data/regression.hpp"

namespace fluxsbi::data {

std::span<const std::string_view> enum_names(RegressionKind) {
  static constexpr std::string_view names[] = {"none", "linear", "auto"};
  return names;
}

std::vector<double> Regression::centres(std::span<const float> x) const {
  const size_t t = offset.size(), p = weights.size() / t, rows = p == 0 ? 0 : x.size() / p;
  std::vector<double> all(rows * t);
  for (size_t row = 0; row < rows; ++row) {
    for (size_t k = 0; k < t; ++k) {
      double sum = offset[k];
      for (size_t i = 0; i < p; ++i) sum += weights[k * p + i] * static_cast<double>(x[row * p + i]);
      all[row * t + k] = sum;
    }
  }
  return all;
}

void Regression::to_residual(std::span<double> z, std::span<const double> centres) const {
  for (size_t i = 0; i < z.size(); ++i) z[i] = (z[i] - centres[i]) / scale[i % scale.size()];
}

void Regression::from_residual(std::span<double> r, std::span<const double> centres) const {
  for (size_t i = 0; i < r.size(); ++i) r[i] = centres[i] + scale[i % scale.size()] * r[i];
}

}  // namespace fluxsbi::data
