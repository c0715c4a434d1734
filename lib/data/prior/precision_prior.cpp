#include "data/prior/precision_prior.hpp"

#include <cmath>
#include <limits>
#include <utility>

#include "core/error.hpp"
#include "data/prior/density.hpp"

namespace fluxsbi::data {

namespace {

/// The lower triangular R with B = R R^T, [dim * dim].
std::vector<double> cholesky(std::span<const double> precision, size_t dim) {
  std::vector<double> factor(dim * dim);
  for (size_t i = 0; i < dim; ++i) {
    for (size_t j = 0; j <= i; ++j) {
      double rest = precision[i * dim + j];
      for (size_t k = 0; k < j; ++k) rest -= factor[i * dim + k] * factor[j * dim + k];
      core::require(i != j || rest > 0, "a precision is positive definite");
      factor[i * dim + j] = i == j ? std::sqrt(rest) : rest / factor[j * dim + j];
    }
  }
  return factor;
}

class PrecisionPrior final : public Prior {
 public:
  PrecisionPrior(std::span<const double> precision, int64_t dim)
      : dim_(static_cast<size_t>(dim)), factor_(cholesky(precision, dim_)) {
    for (size_t i = 0; i < dim_; ++i) log_scale_ += std::log(factor_[i * dim_ + i]) - half_log_two_pi;
  }
  int64_t dim() const override { return static_cast<int64_t>(dim_); }
  void sample(core::Philox& random, std::span<double> theta) const override {
    for (double& value : theta) value = random.normal();
    for (size_t i = dim_; i-- > 0;) {  // R^T theta = n, from the last row
      for (size_t k = i + 1; k < dim_; ++k) theta[i] -= factor_[k * dim_ + i] * theta[k];
      theta[i] /= factor_[i * dim_ + i];
    }
  }
  double log_prob(std::span<const double> theta) const override {
    if (!in_support(theta)) return -std::numeric_limits<double>::infinity();
    double squares = 0;  // theta^T B theta = |R^T theta|^2
    for (size_t i = 0; i < dim_; ++i) {
      double sum = 0;
      for (size_t k = i; k < dim_; ++k) sum += factor_[k * dim_ + i] * theta[k];
      squares += sum * sum;
    }
    return log_scale_ - 0.5 * squares;
  }
  bool component_in_support(size_t, double value) const override { return std::isfinite(value); }
  bool bounded() const override { return false; }
  PriorOptions options() const override { return {}; }

 private:
  size_t dim_;
  std::vector<double> factor_;  ///< R, [dim * dim]
  double log_scale_ = 0;
};

}  // namespace

std::unique_ptr<Prior> make_precision_prior(std::span<const double> precision, int64_t dim) {
  core::require(dim >= 1 && std::ssize(precision) == dim * dim, "a precision is a square matrix");
  return std::make_unique<PrecisionPrior>(precision, dim);
}

}  // namespace fluxsbi::data
