// The table of one instruction set; part of kernels_*.cpp.
#pragma once

#include "model/ops/attention_kernels.inl"
#include "model/ops/row_kernels.inl"

namespace fluxsbi::model::ops {

namespace {

constexpr Kernels table(const char* name) {
  return {name,
          width,
          attention_scratch,
          exp_kernel,
          norm_kernel,
          norm_backward_kernel,
          gate_kernel,
          gate_backward_kernel,
          gelu_kernel,
          gelu_backward_kernel,
          attention_kernel,
          attention_backward_kernel};
}

}  // namespace

}  // namespace fluxsbi::model::ops
