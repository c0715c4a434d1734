// Attention of all models with what stands around it: QKNorm, RoPE, softmax(q k^T / sqrt(D)) v, and the gelu
// of the MLP that runs beside it in a single-stream block. In plain tensor operations for all devices, or by
// a device's own kernel (device_ops.hpp).
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

namespace fluxsbi::model::ops {

/// One stream of tokens with its own norms.
struct Stream {
  at::Tensor packed;                  ///< [T_s, B, 3F + m]: [q | k | v | mlp], q, k, v each [H, D]
  at::Tensor query_scale, key_scale;  ///< [D]: learned scales of QKNorm; undefined: no norm, and m is 0
};

/// Tokens of all streams attend to each other, the first stream's tokens standing first.
/// -> for each stream [T_s, B, F + m]: [attention | gelu(mlp)], in packed's dtype; m may be 0.
/// rope [T, B or 1, ...] as rope_table gives it for all tokens, or undefined. edges [T, B or 1, T] float32: 1
/// where the token of the first axis may attend to that of the last, 0 where not; undefined: all to all. A
/// token that may attend to none attends to all alike. Norm, rotation and softmax statistics are float32.
std::vector<at::Tensor> attention(const std::vector<Stream>& streams, const at::Tensor& rope, int64_t heads,
                                  const at::Tensor& edges = {});

}  // namespace fluxsbi::model::ops
