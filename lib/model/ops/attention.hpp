// Attention of the Flux blocks with what stands around it: QKNorm, RoPE, softmax(q k^T / sqrt(D)) v, and the
// gelu of the MLP that runs beside it in a single-stream block.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

namespace fluxsbi::model::ops {

/// Sequences longer than this take the reference: a library's attention then does better than a fused loop.
inline constexpr int64_t most_fused_tokens = 64;

/// One stream of tokens with its own norms.
struct Stream {
  at::Tensor packed;                  ///< [T_s, B, 3F + m]: [q | k | v | mlp], q, k, v each [H, D]
  at::Tensor query_scale, key_scale;  ///< [D]: learned scales of QKNorm; undefined: no norm, and m is 0
};

/// Tokens of all streams attend to each other, the first stream's tokens standing first.
/// -> for each stream [T_s, B, F + m]: [attention | gelu(mlp)], in packed's dtype; m may be 0.
/// rope [T, B or 1, ...] as rope_table gives it for all tokens, or undefined. edges [T, B or 1, T] float32: 1
/// where the token of the first axis may attend to that of the last, 0 where not; undefined: all to all.
/// Norm, rotation and softmax statistics are float32.
std::vector<at::Tensor> attention(const std::vector<Stream>& streams, const at::Tensor& rope, int64_t heads,
                                  const at::Tensor& edges = {});

namespace reference {

std::vector<at::Tensor> attention(const std::vector<Stream>& streams, const at::Tensor& rope, int64_t heads,
                                  const at::Tensor& edges = {});

}  // namespace reference

}  // namespace fluxsbi::model::ops
