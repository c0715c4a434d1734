#include "data/prior/cholesky.hpp"

#include <cmath>

namespace fluxsbi::data {

std::optional<std::vector<double>> cholesky(std::span<const double> matrix, size_t dim) {
  std::vector<double> factor(dim * dim);
  for (size_t i = 0; i < dim; ++i) {
    for (size_t j = 0; j <= i; ++j) {
      double rest = matrix[i * dim + j];
      for (size_t k = 0; k < j; ++k) rest -= factor[i * dim + k] * factor[j * dim + k];
      if (i == j && !(rest > 0)) return {};
      factor[i * dim + j] = i == j ? std::sqrt(rest) : rest / factor[j * dim + j];
    }
  }
  return factor;
}

void solve_cholesky(std::span<const double> factor, std::span<double> b) {
  const size_t n = b.size();
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < i; ++j) b[i] -= factor[i * n + j] * b[j];
    b[i] /= factor[i * n + i];
  }
  for (size_t i = n; i-- > 0;) {
    for (size_t j = i + 1; j < n; ++j) b[i] -= factor[j * n + i] * b[j];
    b[i] /= factor[i * n + i];
  }
}

}  // namespace fluxsbi::data
