#include "method/loss_weight.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>

namespace fluxsbi::method {

at::Tensor loss_weight(const at::Tensor& obs, const at::Tensor& condition_mask) {
  const int64_t rows = obs.size(0), channels = obs.size(2);
  if (!condition_mask.defined()) {
    return at::full({1, 1, 1}, 1.0 / static_cast<double>(obs.numel()), obs.options());
  }
  const at::Tensor learnt = condition_mask.logical_not().to(obs.scalar_type());  // [B or 1, L, 1]
  // A row that is conditioned on entirely has nothing to learn: weight 0, not 0 / 0.
  const at::Tensor count = learnt.sum({1}, /*keepdim=*/true).clamp_min(1);
  return learnt / (count * static_cast<double>(rows * channels));
}

}  // namespace fluxsbi::method
