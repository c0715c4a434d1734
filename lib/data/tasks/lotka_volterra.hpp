// Lotka-Volterra: prey and predators, counted ten times with noise.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>

#include "data/tasks/task.hpp"

namespace fluxsbi::data {

/// Prey u and predators v from (30, 1) at t = 0 to t = 20:
///   u' = alpha u - beta u v,  v' = -gamma v + delta u v
/// theta = (alpha, beta, gamma, delta), log theta ~ N((-0.125, -3, -0.125, -3), 0.5^2);
///   log x_i ~ N(log w_i, 0.1^2),  w = (u at t_j, v at t_j), t_j = 0, 2.1, ..., 18.9, cut to 1e-10 ... 1e4.
/// x_0 and x_10, which belong to t = 0, tell nothing. Where the solver fails x is NaN. Lueckmann et al. 2021,
/// appendix T.10.
class LotkaVolterra final : public Task {
 public:
  LotkaVolterra();
  std::string_view name() const override { return "lotka_volterra"; }
  std::string_view summary() const override { return "4 parameters, 20 data: prey and predators"; }
  int64_t theta_dim() const override { return 4; }
  int64_t x_dim() const override { return values; }
  const Prior& prior() const override { return *prior_; }
  DataNeeds data_needs() const override;
  void simulate(std::span<const double> theta, core::Philox& random, std::span<double> x) const override;
  /// sum_i log LogNormal(x_i; log w_i, 0.1); -infinity for an x_i that is not above 0 and where the solver
  /// fails.
  double log_likelihood(std::span<const double> theta, std::span<const double> x) const override;

  bool has_exact_posterior() const override { return true; }
  /// By rejection from a fitted mixture (fitted_density.hpp).
  PosteriorDraw posterior(std::span<const double> x) const override;

  static constexpr size_t values = 20;
  /// w of theta [4]; nothing where the solver fails.
  static std::optional<std::array<double, values>> populations(std::span<const double> theta);
  /// x [20] of w [20] and standard normal noise [20].
  static void add_noise(std::span<const double> w, std::span<const double> noise, std::span<double> x);

 private:
  /// Data depend on the parameters and not on each other, those of t = 0 on nothing.
  std::vector<std::string> edges(size_t tokens) const override;

  std::unique_ptr<Prior> prior_;
};

}  // namespace fluxsbi::data
