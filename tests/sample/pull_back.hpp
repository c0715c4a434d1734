// Vector-Jacobian products of analytic networks, by autograd.
#pragma once

#include <utility>

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include "sample/solver/equation.hpp"

namespace fluxsbi::test {

/// Of a network without parameters, given tokens left out of account.
inline sample::PullBack pull_back_of(sample::Evaluate network) {
  return [network = std::move(network)](const at::Tensor& t, const at::Tensor& x, const at::Tensor& cotangent,
                                        const at::Tensor& rows) -> sample::Pulled {
    const at::AutoGradMode with_grad(true);
    const at::Tensor leaf = x.detach().clone().requires_grad_();
    const at::Tensor output = network(t, leaf, rows);
    const auto found = torch::autograd::grad({output}, {leaf}, {cotangent.to(output.scalar_type())});
    return {output.detach(), found[0]};
  };
}

}  // namespace fluxsbi::test
