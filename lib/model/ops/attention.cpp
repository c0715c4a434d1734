#include "model/ops/attention.hpp"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/_scaled_dot_product_attention_math.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/square.h>
#include <ATen/ops/stack.h>

#include "model/blocks/rope.hpp"
#include "model/ops/device_ops.hpp"
#include "model/ops/elementwise.hpp"

namespace fluxsbi::model::ops {

namespace {

// The score of a token that may not be attended to: finite, so that a token that may attend nowhere attends
// to all alike.
constexpr double barred_score = -1e30;

// Sequences up to this length are short.
constexpr int64_t most_short_tokens = 64;

bool is_normed(const std::vector<Stream>& streams) {
  return streams[0].query_scale.defined();
}

// D
int64_t head_dim(const std::vector<Stream>& streams, int64_t heads) {
  return is_normed(streams) ? streams[0].query_scale.numel() : streams[0].packed.size(-1) / (3 * heads);
}

// x / sqrt(mean(x^2) + eps) * scale over the last axis
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& scale) {
  const at::Tensor mean_square = at::mean(at::square(x), at::IntArrayRef{-1}, /*keepdim=*/true);
  return x * at::rsqrt(mean_square + norm_eps) * scale;
}

// On a CPU the library's fused attention gains nothing with short sequences.
at::Tensor softmax_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                             const at::Tensor& edges) {
  if (edges.defined()) {
    const at::Tensor barred = (edges == 0).transpose(0, 1).unsqueeze(1);  // [B or 1, 1, T, T]
    const at::Tensor scores = at::matmul(q, k.transpose(-2, -1)) / std::sqrt(static_cast<double>(q.size(-1)));
    return at::matmul(at::softmax(scores.masked_fill(barred, barred_score), -1), v);
  }
  if (q.is_cpu() && q.size(2) <= most_short_tokens)
    return std::get<0>(at::_scaled_dot_product_attention_math(q, k, v));
  return at::scaled_dot_product_attention(q, k, v);
}

}  // namespace

std::vector<at::Tensor> attention(const std::vector<Stream>& streams, const at::Tensor& rope, int64_t heads,
                                  const at::Tensor& edges) {
  if (const DeviceOps* own = device_ops()) {
    if (auto out = own->attention(streams, rope, heads, edges); !out.empty()) return out;
  }
  const int64_t D = head_dim(streams, heads), F = heads * D;
  const auto type = streams[0].packed.scalar_type(), wide = at::promote_types(type, at::kFloat);
  std::vector<at::Tensor> packed, scales;
  for (const Stream& stream : streams) {
    packed.push_back(stream.packed.narrow(-1, 0, 3 * F));
    if (!is_normed(streams)) continue;
    scales.push_back(at::stack({stream.query_scale, stream.key_scale})
                         .to(wide)
                         .unsqueeze(1)
                         .expand({stream.packed.size(0), 1, 2, heads, D}));
  }
  const at::Tensor qkv = at::cat(packed, 0).unflatten(-1, {3, heads, D});  // [T, B, 3, H, D]
  at::Tensor qk = qkv.narrow(2, 0, 2).to(wide);
  if (is_normed(streams)) qk = rms_norm(qk, at::cat(scales, 0));
  qk = rotate(qk, rope).to(type);
  const auto heads_first = [&](const at::Tensor& x, int64_t part) {
    return x.select(2, part).permute({1, 2, 0, 3});  // -> [B, H, T, D]
  };
  const at::Tensor attended =
      softmax_attention(heads_first(qk, 0), heads_first(qk, 1), heads_first(qkv, 2), edges)
          .permute({2, 0, 1, 3})
          .flatten(2);  // [T, B, F]
  std::vector<at::Tensor> out;
  int64_t first = 0;
  for (const Stream& stream : streams) {
    const int64_t tokens = stream.packed.size(0), mlp = stream.packed.size(-1) - 3 * F;
    const at::Tensor own = attended.narrow(0, first, tokens);
    out.push_back(mlp == 0 ? own : at::cat({own, ops::gelu(stream.packed.narrow(-1, 3 * F, mlp))}, -1));
    first += tokens;
  }
  return out;
}

}  // namespace fluxsbi::model::ops
