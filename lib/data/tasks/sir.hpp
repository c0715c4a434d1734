// SIR: an epidemic, seen in ten samples of a thousand people.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>

#include "data/tasks/task.hpp"

namespace fluxsbi::data {

/// Susceptible, infected and recovered people of N = 1e6, from (N - 1, 1, 0) at t = 0 to t = 160:
///   S' = -beta S I / N,  I' = beta S I / N - gamma I,  R' = gamma I
/// theta = (beta, gamma), log beta ~ N(log 0.4, 0.5^2), log gamma ~ N(log 0.125, 0.2^2);
///   x_i ~ Binomial(1000, I(t_i) / N),  t_i = 0, 17, ..., 153.
/// x_0 has probability 1e-6 and tells nothing. Where the solver fails x is NaN. Lueckmann et al. 2021,
/// appendix T.9.
class Sir final : public Task {
 public:
  Sir();
  std::string_view name() const override { return "sir"; }
  std::string_view summary() const override { return "2 parameters, 10 counts: an epidemic"; }
  int64_t theta_dim() const override { return 2; }
  int64_t x_dim() const override { return counts; }
  const Prior& prior() const override { return *prior_; }
  DataNeeds data_needs() const override;
  void simulate(std::span<const double> theta, core::Philox& random, std::span<double> x) const override;
  /// sum_i log Binomial(x_i; 1000, I(t_i) / N); -infinity where the solver fails.
  double log_likelihood(std::span<const double> theta, std::span<const double> x) const override;

  bool has_exact_posterior() const override { return true; }
  /// By rejection from a fitted mixture (fitted_density.hpp).
  PosteriorDraw posterior(std::span<const double> x) const override;

  static constexpr size_t counts = 10;
  /// I(t_i) / N of theta [2]; nothing where the solver fails.
  static std::optional<std::array<double, counts>> infected(std::span<const double> theta);

 private:
  /// Counts depend on the parameters and not on each other, the first on nothing.
  std::vector<std::string> edges(size_t tokens) const override;

  std::unique_ptr<Prior> prior_;
};

}  // namespace fluxsbi::data
