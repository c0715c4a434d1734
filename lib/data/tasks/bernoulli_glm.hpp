// Bernoulli GLM: a neuron's spikes in 100 time bins under a frozen stimulus.
#pragma once

#include <memory>
#include <span>

#include "data/tasks/task.hpp"

namespace fluxsbi::data {

/// Spike y_t in bin t = 0 .. 99 with probability p_t = 1 / (1 + exp(-psi_t)),
///   psi_t = theta_0 + sum_{j=0}^{8} theta_{1+j} I_{t-j}   (I_s = 0 for s < 0, I the stimulus);
/// x = X^T y, the number of spikes and the nine sums sum_t y_t I_{t-j}: sufficient for theta.
/// Prior N(0, B^-1), smooth over j: B_00 = 1/2, and F^T F for the others, F = D D + diag(sqrt(i / 9)),
/// i = 0 .. 8, with D = 1 on the diagonal and -1 below. Lueckmann et al. 2021, appendix T.5.
class BernoulliGlm : public Task {
 public:
  BernoulliGlm();
  std::string_view name() const override { return "bernoulli_glm"; }
  std::string_view summary() const override { return "10 parameters, 10 data: sums over 100 spikes"; }
  int64_t theta_dim() const override { return 10; }
  int64_t x_dim() const override { return 10; }
  const Prior& prior() const override { return *prior_; }
  void simulate(std::span<const double> theta, core::Philox& random, std::span<double> x) const override;
  /// log p(y | theta) for the spikes y behind x: log p(x | theta) up to a term without theta.
  double log_likelihood(std::span<const double> theta, std::span<const double> x) const override;

  static constexpr size_t bins = 100;
  /// p [100] of theta [10].
  static void probabilities(std::span<const double> theta, std::span<double> p);
  /// y_t = 1 where u_t < p_t, else 0; all [100].
  static void spikes(std::span<const double> p, std::span<const double> u, std::span<double> y);
  /// x [10] of the spikes of p [100] and uniform u [100].
  static void add_noise(std::span<const double> p, std::span<const double> u, std::span<double> x);

 protected:
  /// X_{t column}: 1 for column 0, I_{t-j} for column 1 + j.
  static double design(size_t t, size_t column);
  /// sum_t log(1 + exp psi_t)
  static double log_normaliser(std::span<const double> theta);
  /// X^T y
  static void summarise(std::span<const double> y, std::span<double> x);

 private:
  std::unique_ptr<Prior> prior_;
};

}  // namespace fluxsbi::data
