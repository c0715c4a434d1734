// The table of one instruction set; part of kernels_*.cpp.
#pragma once

#include "engine/tile/kernels/attention.inl"
#include "engine/tile/kernels/elementwise.inl"
#include "engine/tile/kernels/norm.inl"
#include "engine/tile/kernels/rounded.inl"

namespace fluxsbi::engine::tile {

namespace {

constexpr Kernels table(const char* name) {
  constexpr ProductKernels exact = {Layout::panels, Rounding::none, Rounding::none, product_kernel,
                                    weight_gradient_kernel};
  return {.name = name,
          .instructions = name,
          .rounded_by = "",
          .exact = exact,
          .bfloat16 = {Layout::panels, Rounding::bfloat16, Rounding::bfloat16, rounded_product_kernel,
                       rounded_weight_gradient_kernel},
          .bfloat16x3 = exact,
          .lane_sum = lane_sum_kernel,
          .norm = norm_kernel,
          .norm_backward = norm_backward_kernel,
          .gate = gate_kernel,
          .gate_backward = gate_backward_kernel,
          .gelu = gelu_kernel,
          .gelu_backward = gelu_backward_kernel,
          .silu = silu_kernel,
          .silu_backward = silu_backward_kernel,
          .sinusoid = sinusoid_kernel,
          .sinusoid_backward = sinusoid_backward_kernel,
          .attention = attention_kernel,
          .attention_backward = attention_backward_kernel};
}

}  // namespace

}  // namespace fluxsbi::engine::tile
