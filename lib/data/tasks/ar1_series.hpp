// A time series with memory: an autoregressive process of order one.
#pragma once

#include <memory>
#include <span>

#include "data/tasks/task.hpp"

namespace fluxsbi::data {

/// theta = (rho, log sigma) ~ U[-1, 1]^2; x_0 = 0, x_t = rho x_{t-1} + sigma e_t for standard normal e_t,
/// t = 1 .. 64. A row of x is [64, 1].
///   log p(x | theta) = sum_t log N(x_t; rho x_{t-1}, sigma^2)
class Ar1Series final : public Task {
 public:
  Ar1Series();
  std::string_view name() const override { return "ar1_series"; }
  std::string_view summary() const override { return "2 parameters, a series of 64: memory and noise"; }
  int64_t theta_dim() const override { return 2; }
  int64_t x_dim() const override { return 64; }
  std::vector<int64_t> x_shape() const override { return {x_dim(), 1}; }
  const Prior& prior() const override { return *prior_; }
  void simulate(std::span<const double> theta, core::Philox& random, std::span<double> x) const override;
  double log_likelihood(std::span<const double> theta, std::span<const double> x) const override;
  bool has_exact_posterior() const override { return true; }
  PosteriorDraw posterior(std::span<const double> x) const override;

 private:
  std::unique_ptr<Prior> prior_;
};

}  // namespace fluxsbi::data
