#include "method/coupling.hpp"

#include <cmath>

#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/matmul.h>

#include "core/error.hpp"
#include "method/assignment.hpp"

namespace fluxsbi::method {

at::Tensor couple(const at::Tensor& noise, const Batch& batch, double condition_weight) {
  core::require(noise.device().is_cpu() && batch.cond.defined() && noise.sizes() == batch.obs.sizes(),
                "couple needs noise, obs [B, L, C] and cond on a CPU");
  const int64_t rows = noise.size(0);
  const at::Tensor cond = batch.cond.flatten(1).to(at::kDouble).nan_to_num(0) * std::sqrt(condition_weight);
  const auto point = [&](const at::Tensor& x) { return at::cat({x.flatten(1).to(at::kDouble), cond}, 1); };
  // |a - b|^2 = |a|^2 + |b|^2 - 2 a b, of which only the last term depends on the pairing.
  const at::Tensor cost = at::matmul(point(batch.obs), point(noise).t()).mul_(-2).contiguous();  // [B, B]
  std::vector<int64_t> partner =
      assign({cost.const_data_ptr<double>(), static_cast<size_t>(cost.numel())}, rows);
  return noise.index_select(0, at::from_blob(partner.data(), {rows}, at::kLong));
}

std::string coupling_problem(const Setting& setting) {
  const std::string option = "strategy.coupling = optimal_transport ";
  if (setting.joint) {
    return option +
           "needs a model of theta given x (strategy.model: flux1): rows of a joint model are asked "
           "different questions and cannot exchange their noise; take coupling: independent";
  }
  if (!setting.device.is_cpu())
    return option + "is computed only on a CPU; use --device cpu, or coupling: independent";
  if (setting.batch_size > most_coupled_rows) {
    return option + "pairs at most " + std::to_string(most_coupled_rows) +
           " rows, because its time grows with their cube; training.batch_size is " +
           std::to_string(setting.batch_size) +
           ": use smaller batches, of which training.multistep averages several";
  }
  return "";
}

}  // namespace fluxsbi::method
