// Tensors as the kernels take them.
#pragma once

#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/DeviceGuard.h>

#include "engine/cuda/fused_ops.hpp"
#include "engine/cuda/kernels/kernels.hpp"

namespace fluxsbi::engine::cuda {

inline kernels::Storage storage_of(at::ScalarType type) {
  return type == at::kFloat ? kernels::Storage::float32 : kernels::Storage::bfloat16;
}

/// A tensor [B, F] or [1, F] whose rows are contiguous, and the elements from row to row: 0 where one row
/// serves all samples.
struct PerSample {
  explicit PerSample(const at::Tensor& x)
      : tensor(x.stride(-1) == 1 || x.size(-1) == 1 ? x : x.contiguous()),
        stride(tensor.size(0) == 1 ? 0 : tensor.stride(0)) {}

  const void* data() const { return tensor.const_data_ptr(); }

  at::Tensor tensor;
  int64_t stride;
};

/// Room like x, contiguous.
inline at::Tensor room_like(const at::Tensor& x) {
  return at::empty(x.sizes(), x.options());
}

/// The gradient of a [1, F] tensor that served all samples, from each sample's own.
inline at::Tensor gradient_as(const at::Tensor& each, int64_t samples) {
  return each.size(0) == samples ? each : each.sum(at::IntArrayRef{0}, /*keepdim=*/true);
}

/// The device on which the tensors lie is the current one, and its stream of the moment.
struct OnDevice {
  OnDevice(const FusedKernels& kernels, const at::Tensor& x)
      : guard(x.device()), stream(kernels.stream(x.device())) {}

  c10::DeviceGuard guard;
  void* stream;
};

/// attention.cpp's part of FusedKernels.
std::vector<at::Tensor> fused_attention(const FusedKernels& kernels,
                                        const std::vector<model::ops::Stream>& streams,
                                        const at::Tensor& rope, int64_t heads, const at::Tensor& edges);

}  // namespace fluxsbi::engine::cuda
