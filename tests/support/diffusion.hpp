// Diffusion by the name of its preconditioning, and a network to put into it.
#pragma once

#include <string>

#include <ATen/TensorOperators.h>
#include <ATen/ops/tanh.h>

#include "method/diffusion.hpp"
#include "support/enum_named.hpp"

namespace fluxsbi::test {

inline method::Diffusion diffusion(const std::string& preconditioning) {
  method::DiffusionOptions options;
  options.preconditioning = test::enum_named<method::PreconditioningKind>(preconditioning);
  return method::Diffusion(options);
}

/// A network without meaning that mixes tokens, channels and the time.
inline at::Tensor some_network(const at::Tensor& t, const at::Tensor& x, const at::Tensor&) {
  return at::tanh(1.3 * x) + 0.2 * x.sum({1, 2}, true) + at::tanh(t).view({-1, 1, 1});
}

}  // namespace fluxsbi::test
