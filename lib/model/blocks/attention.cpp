#include "model/blocks/attention.hpp"

#include <ATen/ops/scaled_dot_product_attention.h>

#include "model/blocks/norm.hpp"
#include "model/blocks/rope.hpp"

namespace fluxsbi::model {

at::Tensor attention(const at::Tensor& qkv, const at::Tensor& scales, const at::Tensor& rope) {
  const int64_t heads = scales.size(-2), head_dim = scales.size(-1);
  const auto parts =
      qkv.unflatten(-1, {3, heads, head_dim}).split_with_sizes({2, 1}, 2);  // [T, B, 2 | 1, H, D]
  const at::Tensor qk = rotate(rms_norm(parts[0].to(at::kFloat), scales), rope).to(qkv.scalar_type());
  const auto heads_first = [](const at::Tensor& x) { return x.permute({1, 2, 0, 3}); };  // -> [B, H, T, D]
  const at::Tensor out = at::scaled_dot_product_attention(
      heads_first(qk.select(2, 0)), heads_first(qk.select(2, 1)), heads_first(parts[1].select(2, 0)));
  return out.permute({2, 0, 1, 3}).flatten(2);
}

}  // namespace fluxsbi::model
