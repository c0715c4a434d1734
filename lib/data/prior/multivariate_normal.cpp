#include <algorithm>
#include <cmath>
#include <limits>

#include "core/text.hpp"
#include "data/prior/cholesky.hpp"
#include "data/prior/density.hpp"
#include "data/prior/groups.hpp"
#include "data/prior/prior.hpp"
#include "data/prior/special_functions.hpp"

namespace fluxsbi::data {

namespace {

constexpr double symmetry_tolerance = 1e-9;  // relative: numbers of a config are rounded

std::vector<double> covariance_of(const PriorPart& part) {
  if (const auto covariance = part.find("covariance")) return {covariance->begin(), covariance->end()};
  const auto scale = *part.find("scale"), correlation = *part.find("correlation");
  std::vector<double> covariance(correlation.begin(), correlation.end());
  const size_t dim = scale.size();
  for (size_t i = 0; i < covariance.size(); ++i) covariance[i] *= scale[i / dim] * scale[i % dim];
  return covariance;
}

class MultivariateNormal final : public Prior {
 public:
  explicit MultivariateNormal(const PriorPart& part)
      : mean_(part.find("mean")->begin(), part.find("mean")->end()),
        covariance_(covariance_of(part)),
        factor_(*cholesky(covariance_, mean_.size())) {
    for (size_t i = 0; i < size(); ++i) log_scale_ += std::log(factor_[i * size() + i]) + half_log_two_pi;
  }
  int64_t dim() const override { return std::ssize(mean_); }
  void sample(core::Philox& random, std::span<double> theta) const override {
    std::vector<double> noise(size());
    for (double& value : noise) value = random.normal();
    for (size_t i = 0; i < size(); ++i) {
      theta[i] = mean_[i];
      for (size_t k = 0; k <= i; ++k) theta[i] += factor_[i * size() + k] * noise[k];
    }
  }
  double log_prob(std::span<const double> theta) const override {
    if (!in_support(theta)) return -std::numeric_limits<double>::infinity();
    std::vector<double> z(size());  // L z = theta - mean
    double squares = 0;
    for (size_t i = 0; i < size(); ++i) {
      z[i] = theta[i] - mean_[i];
      for (size_t k = 0; k < i; ++k) z[i] -= factor_[i * size() + k] * z[k];
      z[i] /= factor_[i * size() + i];
      squares += z[i] * z[i];
    }
    return -log_scale_ - 0.5 * squares;
  }
  double quantile(size_t component, double p) const override {
    return mean_[component] + std::sqrt(covariance_[component * (size() + 1)]) * normal_quantile(p);
  }
  bool component_in_support(size_t, double value) const override { return std::isfinite(value); }
  bool bounded() const override { return false; }
  PriorOptions options() const override { return {}; }

 private:
  size_t size() const { return mean_.size(); }

  std::vector<double> mean_, covariance_;
  std::vector<double> factor_;  ///< L with covariance = L L^T, [k * k]
  double log_scale_ = 0;
};

int64_t normal_size(const PriorPart& part) {
  return std::ssize(*part.find("mean"));
}

// A square and symmetric matrix; a correlation has ones on its diagonal.
bool check_matrix(const PriorPart& part, const std::string& key, const PriorComplaint& complain) {
  const auto matrix = *part.find(key);
  const size_t dim = part.find("mean")->size();
  if (matrix.size() != dim * dim) {
    complain(key, "holds " + std::to_string(matrix.size()) + " numbers, mean has " + std::to_string(dim) +
                      "; give " + std::to_string(dim) + " rows of " + std::to_string(dim));
    return false;
  }
  for (size_t i = 0; i < dim; ++i) {
    for (size_t j = 0; j < i; ++j) {
      const double a = matrix[i * dim + j], b = matrix[j * dim + i];
      if (std::abs(a - b) <= symmetry_tolerance * std::max(std::abs(a), std::abs(b))) continue;
      complain(key, "must be symmetric; row " + std::to_string(i) + ", column " + std::to_string(j) +
                        " has " + core::number_text(a) + " and its mirror image " + core::number_text(b));
      return false;
    }
    if (key == "correlation" && matrix[i * (dim + 1)] != 1) {
      complain(key, "must have ones on its diagonal, found " + core::number_text(matrix[i * (dim + 1)]) +
                        " in row " + std::to_string(i) + " (variances belong to covariance)");
      return false;
    }
  }
  return true;
}

void check_normal(const PriorPart& part, const PriorComplaint& complain) {
  const bool whole = part.find("covariance").has_value();
  const bool split = part.find("scale") && part.find("correlation");
  if (whole == split || (whole && (part.find("scale") || part.find("correlation")))) {
    complain("", "needs either covariance, or scale and correlation");
    return;
  }
  if (split && part.find("scale")->size() != part.find("mean")->size()) {
    complain("scale", "has " + std::to_string(part.find("scale")->size()) + " entries, mean has " +
                          std::to_string(part.find("mean")->size()));
    return;
  }
  const std::string key = whole ? "covariance" : "correlation";
  if (!check_matrix(part, key, complain)) return;
  if (!cholesky(covariance_of(part), part.find("mean")->size()))
    complain(
        key,
        "must be positive definite: some combination of the parameters would have no or a negative variance");
}

std::unique_ptr<Prior> make_multivariate_normal(const PriorPart& part) {
  return std::make_unique<MultivariateNormal>(part);
}

}  // namespace

const PriorGroup& multivariate_normal_group() {
  static const PriorGroup group{normal_size, check_normal, make_multivariate_normal};
  return group;
}

}  // namespace fluxsbi::data
