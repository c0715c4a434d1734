#include "data/prior/precision_prior.hpp"

#include <cmath>
#include <limits>
#include <utility>

#include "core/error.hpp"
#include "data/prior/cholesky.hpp"
#include "data/prior/density.hpp"
#include "data/prior/special_functions.hpp"

namespace fluxsbi::data {

namespace {

class PrecisionPrior final : public Prior {
 public:
  PrecisionPrior(std::vector<double> factor, int64_t dim)
      : dim_(static_cast<size_t>(dim)), factor_(std::move(factor)) {
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
  double quantile(size_t component, double p) const override {
    std::vector<double> z(dim_);  // R z = e, so that the variance (B^-1)_ii is |z|^2
    double variance = 0;
    for (size_t i = component; i < dim_; ++i) {
      z[i] = i == component ? 1 : 0;
      for (size_t k = component; k < i; ++k) z[i] -= factor_[i * dim_ + k] * z[k];
      z[i] /= factor_[i * dim_ + i];
      variance += z[i] * z[i];
    }
    return std::sqrt(variance) * normal_quantile(p);
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
  auto factor = cholesky(precision, static_cast<size_t>(dim));
  core::require(factor.has_value(), "a precision is positive definite");
  return std::make_unique<PrecisionPrior>(std::move(*factor), dim);
}

}  // namespace fluxsbi::data
