// A set of exchangeable draws: independent normal numbers, more or fewer of them.
#pragma once

#include <memory>
#include <span>

#include "data/tasks/task.hpp"

namespace fluxsbi::data {

/// theta = (mu, log sigma) ~ U[-2, 2] x U[-1, 1]; n ~ U{2, ..., 20}; x_i ~ N(mu, sigma^2), i = 1 .. n.
/// A row of x is [20, 1]; the elements after the n-th are NaN, absent.
///   log p(x | theta) = -log 19 + sum_i log N(x_i; mu, sigma^2)
class NormalSet final : public Task {
 public:
  NormalSet();
  std::string_view name() const override { return "normal_set"; }
  std::string_view summary() const override {
    return "2 parameters, a set of 2 to 20 draws: mean and spread";
  }
  int64_t theta_dim() const override { return 2; }
  int64_t x_dim() const override { return 20; }
  std::vector<int64_t> x_shape() const override { return {x_dim(), 1}; }
  bool padded() const override { return true; }
  const Prior& prior() const override { return *prior_; }
  void simulate(std::span<const double> theta, core::Philox& random, std::span<double> x) const override;
  double log_likelihood(std::span<const double> theta, std::span<const double> x) const override;
  bool has_exact_posterior() const override { return true; }
  PosteriorDraw posterior(std::span<const double> x) const override;

 private:
  std::unique_ptr<Prior> prior_;
};

}  // namespace fluxsbi::data
