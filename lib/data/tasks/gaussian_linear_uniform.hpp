// Gaussian linear with a flat prior: the posterior is a normal cut at the prior's bounds.
#pragma once

#include "data/tasks/gaussian_linear.hpp"

namespace fluxsbi::data {

/// theta ~ U[-1, 1]^10, x ~ N(theta, 0.1 I): 0.1 is the variance. Posterior: independent N(x_i, 0.1) cut to
/// [-1, 1]. Lueckmann et al. 2021, appendix T.2.
class GaussianLinearUniform final : public GaussianLinear {
 public:
  GaussianLinearUniform();
  std::string_view name() const override { return "gaussian_linear_uniform"; }
  std::string_view summary() const override { return "10 parameters, 10 data: normals cut at the bounds"; }
  void sample_posterior(std::span<const double> x, core::Philox& random,
                        std::span<double> theta) const override;
};

}  // namespace fluxsbi::data
