// SLCP among distractors: its eight data hidden among 92 that know nothing of the parameters.
#pragma once

#include "data/tasks/slcp.hpp"

namespace fluxsbi::data {

/// x_i = y[perm[i]], y = (the eight data of slcp, 92 distractors), a fixed order perm. The distractors of one
/// simulation are one draw of a mixture of 20 Student's t with 2 degrees of freedom, whose variance is
/// infinite. Posterior: that of slcp. Lueckmann et al. 2021, appendix T.4.
class SlcpDistractors final : public Task {
 public:
  std::string_view name() const override { return "slcp_distractors"; }
  std::string_view summary() const override { return "slcp, its 8 data among 92 distractors"; }
  int64_t theta_dim() const override { return 5; }
  int64_t x_dim() const override { return 100; }
  const Prior& prior() const override { return slcp_.prior(); }
  /// standardise_x: robust, for standard deviations do not converge.
  DataNeeds data_needs() const override { return {Standardise::robust, ConstantColumns::automatic}; }
  void simulate(std::span<const double> theta, core::Philox& random, std::span<double> x) const override;
  /// Of the eight data: log p(x | theta) up to a term without theta.
  double log_likelihood(std::span<const double> theta, std::span<const double> x) const override;
  bool has_exact_posterior() const override { return true; }
  PosteriorDraw posterior(std::span<const double> x) const override { return slcp_.posterior(signal(x)); }

  /// x [100] of Slcp::location_scale [5] and the noise [102]: standard normal n (8), the component, w of the
  /// chi-squared distribution with 2 degrees of freedom, standard normal n (92).
  static void add_noise(std::span<const double> location_scale, std::span<const double> noise,
                        std::span<double> x);
  /// The eight data of slcp in x [100].
  static std::vector<double> signal(std::span<const double> x);

 private:
  /// The eight data and the parameters as in slcp, the distractors with each other.
  std::vector<std::string> edges(size_t tokens) const override;

  Slcp slcp_;
};

}  // namespace fluxsbi::data
