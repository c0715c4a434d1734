// Numbers by which the tests judge times, noise levels and losses.
#pragma once

#include <tuple>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>

#include "engine/engine.hpp"

namespace fluxsbi::test {

/// The loss of an output as a weighted regression has it.
inline double weighted_loss(const engine::Regression& problem, const at::Tensor& output) {
  return ((output - problem.target).square() * problem.weight).sum().item<double>();
}

/// The quantile of the numbers at probability p.
inline double number_at(const at::Tensor& values, double p) {
  const at::Tensor sorted = std::get<0>(values.sort());
  return sorted[static_cast<int64_t>(p * static_cast<double>(values.numel() - 1))].item<double>();
}

/// (i + 1/2) / n: every quantile of the uniform distribution once.
inline at::Tensor even_uniform(int64_t n) {
  return (at::arange(n, at::kDouble) + 0.5) / static_cast<double>(n);
}

}  // namespace fluxsbi::test
