// Gaussian mixture: two parameters, a broad and a narrow normal around the data.
#pragma once

#include <memory>
#include <span>

#include "data/tasks/task.hpp"

namespace fluxsbi::data {

/// theta ~ U[-10, 10]^2, x ~ 1/2 N(theta, I) + 1/2 N(theta, 0.01 I), one component for both dimensions.
/// Lueckmann et al. 2021, appendix T.7, as corrected in sbibm 1.1.0.
class GaussianMixture final : public Task {
 public:
  GaussianMixture();
  std::string_view name() const override { return "gaussian_mixture"; }
  std::string_view summary() const override { return "2 parameters, 2 data: a narrow normal on a broad one"; }
  int64_t theta_dim() const override { return 2; }
  int64_t x_dim() const override { return 2; }
  const Prior& prior() const override { return *prior_; }
  void simulate(std::span<const double> theta, core::Philox& random, std::span<double> x) const override;
  double log_likelihood(std::span<const double> theta, std::span<const double> x) const override;
  bool has_exact_posterior() const override { return true; }
  void sample_posterior(std::span<const double> x, core::Philox& random,
                        std::span<double> theta) const override;

  /// x [2] of theta [2] and the noise (k, n_0, n_1): component k (0: sd 1, 1: sd 0.1), standard normal n.
  static void add_noise(std::span<const double> theta, std::span<const double> noise, std::span<double> x);

 private:
  std::unique_ptr<Prior> prior_;
};

}  // namespace fluxsbi::data
