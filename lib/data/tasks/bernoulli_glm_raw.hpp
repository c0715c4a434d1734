// Bernoulli GLM seen raw: the spikes themselves.
#pragma once

#include "data/tasks/bernoulli_glm.hpp"

namespace fluxsbi::data {

/// bernoulli_glm with x = y, 100 zeros and ones. Posterior: bernoulli_glm's for X^T y.
/// Lueckmann et al. 2021, appendix T.6.
class BernoulliGlmRaw final : public BernoulliGlm {
 public:
  std::string_view name() const override { return "bernoulli_glm_raw"; }
  std::string_view summary() const override { return "10 parameters, 100 data: the spikes themselves"; }
  int64_t x_dim() const override { return static_cast<int64_t>(bins); }
  /// constant: keep, for in few simulations a bin may be always or never hit.
  DataNeeds data_needs() const override { return {Standardise::automatic, ConstantColumns::keep}; }
  void simulate(std::span<const double> theta, core::Philox& random, std::span<double> x) const override;
  double log_likelihood(std::span<const double> theta, std::span<const double> x) const override;

 private:
  /// A bin with the parameters that its design has, the parameters with each other.
  std::vector<std::string> edges(size_t tokens) const override;
};

}  // namespace fluxsbi::data
