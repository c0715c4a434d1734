// What the checkers of diffusion and of score matching share: both add noise in/x0 to data in/x1.
#pragma once

#include <set>
#include <string>

#include <ATen/TensorOperators.h>

#include "engine/engine.hpp"
#include "golden/case.hpp"
#include "method/method.hpp"

namespace fluxsbi::golden {

/// A file that is being checked, and which of its arrays were.
class NoisyCase {
 protected:
  NoisyCase(const Case& golden, Report& report) : golden_(golden), report_(report) {}

  void compare(const std::string& array, const at::Tensor& ours, double tolerance) {
    checked_.insert(array);
    report_.compare(array, ours, golden_.tensor(array), tolerance);
  }

  method::Batch batch(bool masked) const {
    method::Batch batch;
    batch.obs = golden_.tensor("in/x1");
    if (masked) batch.condition_mask = golden_.tensor("in/condition_mask");
    return batch;
  }

  // The files' loss is a sum over unconditioned elements; ours gives each row the same weight.
  void compare_loss(const std::string& array, const std::string& network, const engine::Regression& problem,
                    bool mean, double tolerance) {
    const at::Tensor output = analytic_network(golden_, network)(problem.inputs.t, problem.inputs.obs, {});
    const at::Tensor weighted = (output - problem.target).square() * problem.weight;  // [B, L, C]
    at::Tensor per_row = weighted.flatten(1).sum(1);                                  // [B]
    if (problem.inputs.condition_mask.defined()) {
      per_row = per_row * problem.inputs.condition_mask.logical_not().to(at::kFloat).mean({1, 2});
    }
    compare(array, mean ? per_row.sum().view(1) : per_row * static_cast<double>(per_row.size(0)), tolerance);
  }

  const Case& golden_;
  Report& report_;
  std::set<std::string> checked_;
};

}  // namespace fluxsbi::golden
