// SLCP, simple likelihood and complex posterior: four draws of a bivariate normal, four modes.
#pragma once

#include <array>
#include <memory>
#include <span>

#include "data/tasks/task.hpp"

namespace fluxsbi::data {

/// theta ~ U[-3, 3]^5, x four draws of N(m, S) one after the other, with
///   m = (theta_0, theta_1), s_1 = theta_2^2, s_2 = theta_3^2, rho = tanh theta_4, e = 1e-6,
///   S = [[s_1^2 + e, rho s_1 s_2], [rho s_1 s_2, s_2^2 + e]].
/// The signs of theta_2 and theta_3 do not matter: four modes. Papamakarios et al. 2019, arXiv 1805.07226;
/// Lueckmann et al. 2021, appendix T.3.
class Slcp final : public Task {
 public:
  Slcp();
  std::string_view name() const override { return "slcp"; }
  std::string_view summary() const override { return "5 parameters, 8 data: four modes, narrow ridges"; }
  int64_t theta_dim() const override { return 5; }
  int64_t x_dim() const override { return 8; }
  const Prior& prior() const override { return *prior_; }
  void simulate(std::span<const double> theta, core::Philox& random, std::span<double> x) const override;
  double log_likelihood(std::span<const double> theta, std::span<const double> x) const override;
  bool has_exact_posterior() const override { return true; }
  /// Theta_2, theta_3 and theta_4 from a grid over their marginal density, then m from its normal. Over 200
  /// observations of the prior the grid's envelope lay below the density at 1e-5 of the points tried, by a
  /// factor of at most 1.43. Some 20 ms, and 13 microseconds a draw.
  PosteriorDraw posterior(std::span<const double> x) const override;

  /// (m_0, m_1, L_00, L_10, L_11) of theta [5], where S = L L^T.
  static std::array<double, 5> location_scale(std::span<const double> theta);
  /// Draw j of x [8] is m + L n_j; location_scale [5], standard normal n [8].
  static void add_noise(std::span<const double> location_scale, std::span<const double> noise,
                        std::span<double> x);

 private:
  /// The parameters with everything, the two values of a draw with each other.
  std::vector<std::string> edges(size_t tokens) const override;

  std::unique_ptr<Prior> prior_;
};

}  // namespace fluxsbi::data
