#include "model/flux1/ids.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>

namespace fluxsbi::model {

at::Tensor default_rope_ids(const Flux1Shape& shape, StreamRole role) {
  const StreamShape& stream = role == StreamRole::obs ? shape.obs : shape.cond;
  const auto axes = static_cast<int64_t>(shape.id_axes.size());
  at::Tensor ids = at::zeros({stream.tokens, 1, axes}, at::kLong);
  const at::Tensor index = at::arange(stream.tokens, at::kLong).unsqueeze(1);  // [tokens, 1]
  const auto set = [&](int64_t axis, const at::Tensor& values) { ids.select(2, axis).copy_(values); };
  const auto set_role = [&](int64_t axis) { ids.select(2, axis).fill_(static_cast<int64_t>(role)); };

  if (stream.strategy == IdStrategy::sequence && axes == 1) {
    set(0, role == StreamRole::obs ? index : index + shape.obs.tokens);
  } else if (stream.strategy == IdStrategy::sequence || stream.strategy == IdStrategy::rope1d) {
    set(0, index);
    set_role(1);
  } else if (stream.strategy == IdStrategy::rope2d) {
    set_role(0);
    set(1, index.div(stream.grid[1], "floor"));
    set(2, index.remainder(stream.grid[1]));
  }
  return ids;
}

}  // namespace fluxsbi::model
