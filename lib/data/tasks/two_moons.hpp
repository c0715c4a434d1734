// Two moons: two parameters, two data, a posterior of two crescents.
#pragma once

#include <memory>
#include <span>

#include "data/tasks/task.hpp"

namespace fluxsbi::data {

/// theta ~ U[-1, 1]^2, x = p + (-|z0|, z1) with z0 = (theta_0 + theta_1)/sqrt 2, z1 = (theta_1 -
/// theta_0)/sqrt 2 and p = (r cos a + 0.25, r sin a), a ~ U(-pi/2, pi/2), r ~ N(0.1, 0.01^2). Lueckmann et
/// al. 2021, appendix T.8; the likelihood has the Jacobian term -log r that sbibm's lacks.
class TwoMoons final : public Task {
 public:
  TwoMoons();
  std::string_view name() const override { return "two_moons"; }
  std::string_view summary() const override { return "2 parameters, 2 data: crescents, two modes"; }
  int64_t theta_dim() const override { return 2; }
  int64_t x_dim() const override { return 2; }
  const Prior& prior() const override { return *prior_; }
  void simulate(std::span<const double> theta, core::Philox& random, std::span<double> x) const override;
  double log_likelihood(std::span<const double> theta, std::span<const double> x) const override;
  bool has_exact_posterior() const override { return true; }
  void sample_posterior(std::span<const double> x, core::Philox& random,
                        std::span<double> theta) const override;

  /// The deterministic part (-|z0|, z1), [2].
  static void centre(std::span<const double> theta, std::span<double> centre);
  /// x = centre + p for the noise (a, r); all [2].
  static void add_noise(std::span<const double> centre, std::span<const double> noise, std::span<double> x);

 private:
  std::unique_ptr<Prior> prior_;
};

}  // namespace fluxsbi::data
