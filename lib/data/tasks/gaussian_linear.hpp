// Gaussian linear: ten parameters seen with noise, a conjugate posterior.
#pragma once

#include <memory>
#include <span>

#include "data/tasks/task.hpp"

namespace fluxsbi::data {

/// theta ~ N(0, 0.1 I), x ~ N(theta, 0.1 I): 0.1 is the variance. Posterior N(x/2, 0.05 I).
/// Lueckmann et al. 2021, appendix T.1.
class GaussianLinear : public Task {
 public:
  GaussianLinear();
  std::string_view name() const override { return "gaussian_linear"; }
  std::string_view summary() const override { return "10 parameters, 10 data: a conjugate normal posterior"; }
  int64_t theta_dim() const override { return 10; }
  int64_t x_dim() const override { return 10; }
  const Prior& prior() const override { return *prior_; }
  void simulate(std::span<const double> theta, core::Philox& random, std::span<double> x) const override;
  double log_likelihood(std::span<const double> theta, std::span<const double> x) const override;
  bool has_exact_posterior() const override { return true; }
  void sample_posterior(std::span<const double> x, core::Philox& random,
                        std::span<double> theta) const override;

  /// x = theta + sqrt(0.1) n for standard normal n; all [10].
  static void add_noise(std::span<const double> theta, std::span<const double> noise, std::span<double> x);

  /// Standard deviation of a datum about its parameter, sqrt(0.1).
  static const double noise_sd;

 protected:
  /// The same data under another prior of 10 parameters.
  explicit GaussianLinear(std::unique_ptr<Prior> prior);

 private:
  /// theta_i with x_i, and each token with itself.
  std::vector<std::string> edges(size_t tokens) const override;

  std::unique_ptr<Prior> prior_;
};

}  // namespace fluxsbi::data
