// The small operations between a block's matrix products, in plain tensor operations for all devices and
// dtypes. They are the seam at which a device's own kernels take over (device_ops.hpp).
//
// Activations have the token axis first: [T, B, F]; what the time decides is [B, F], or [1, F] where
// all samples have one time, and the same for all tokens.
#pragma once

#include <ATen/core/Tensor.h>

namespace fluxsbi::model::ops {

inline constexpr double norm_eps = 1e-6;  ///< of every norm of the Flux models

/// (1 + scale) LayerNorm(x) + shift, LayerNorm over the last axis without learned scale or bias.
/// x [T, B, F] of any dtype; shift, scale [B, F] -> [T, B, F] of dtype `type`, computed in float32 (float64
/// where shift is float64)
at::Tensor modulated_norm(const at::Tensor& x, const at::Tensor& shift, const at::Tensor& scale,
                          at::ScalarType type);

/// x + gate y. x, y [T, B, F], gate [B, F], one dtype.
at::Tensor gated_residual(const at::Tensor& x, const at::Tensor& gate, const at::Tensor& y);

/// x Phi(x), Phi by its tanh approximation (Hendrycks and Gimpel 2016, arXiv 1606.08415), of any shape.
at::Tensor gelu(const at::Tensor& x);

}  // namespace fluxsbi::model::ops
