// An image: a point source, blurred by the instrument, in a noisy frame.
#pragma once

#include <memory>
#include <span>

#include "data/tasks/task.hpp"

namespace fluxsbi::data {

/// theta = (row, column, flux) ~ U[3, 12]^2 x U[4, 12], in pixels and units of one; pixels i, j = 0 .. 15:
///   x_ij ~ N(flux s_ij, 0.1^2),
///   s_ij = exp(-((i - row)^2 + (j - column)^2) / (2 w^2)) / (2 pi w^2),  w = 1.5
/// A row of x is [16, 16, 1].
///   log p(x | theta) = sum_ij log N(x_ij; flux s_ij, 0.1^2)
class BlurredSource final : public Task {
 public:
  BlurredSource();
  std::string_view name() const override { return "blurred_source"; }
  std::string_view summary() const override { return "3 parameters, an image of 16 x 16: place and flux"; }
  int64_t theta_dim() const override { return 3; }
  int64_t x_dim() const override { return 256; }
  std::vector<int64_t> x_shape() const override { return {16, 16, 1}; }
  const Prior& prior() const override { return *prior_; }
  void simulate(std::span<const double> theta, core::Philox& random, std::span<double> x) const override;
  double log_likelihood(std::span<const double> theta, std::span<const double> x) const override;
  bool has_exact_posterior() const override { return true; }
  /// Given its place the flux is normal, cut to the prior: it is integrated out for the place's density.
  PosteriorDraw posterior(std::span<const double> x) const override;

 private:
  std::unique_ptr<Prior> prior_;
};

}  // namespace fluxsbi::data
