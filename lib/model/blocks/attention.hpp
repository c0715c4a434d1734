// Attention of the Flux blocks: QKNorm, RoPE, softmax(q k^T / sqrt(D)) v.
#pragma once

#include <ATen/core/Tensor.h>

namespace fluxsbi::model {

/// qkv [T, B, 3F], the last axis packed [q | k | v], each [H, D]; scales [T or 1, 1, 2, H, D] float32: the
/// learned scales of QKNorm for each token's q and k; rope as rope_table gives it, or undefined.
/// -> [T, B, F], heads concatenated, in qkv's dtype. Norm, rotation and softmax statistics are float32.
at::Tensor attention(const at::Tensor& qkv, const at::Tensor& scales, const at::Tensor& rope);

}  // namespace fluxsbi::model
