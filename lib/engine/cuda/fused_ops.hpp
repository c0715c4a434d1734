// The kernels (kernels/kernels.hpp) as operations on tensors with gradients, for engine/device_kernels.hpp.
#pragma once

#include <functional>

#include "engine/device_kernels.hpp"

namespace fluxsbi::engine::cuda {

/// Covers float32 and bfloat16 tensors on devices of one type, networks whose tokens fit a block's shared
/// memory (64 tokens of 64 features a head), and one or two streams.
class FusedKernels final : public DeviceKernels, private model::ops::DeviceOps {
 public:
  /// `stream` gives the stream on which kernels for a device are started now. Tests run the emulated kernels
  /// on the CPU.
  FusedKernels(at::DeviceType device, std::function<void*(at::Device)> stream);

  const model::ops::DeviceOps& ops() const override { return *this; }
  void update(const UpdatePass& pass) const override;

  void* stream(at::Device device) const { return stream_(device); }

 private:
  at::Tensor modulated_norm(const at::Tensor& x, const at::Tensor& shift, const at::Tensor& scale,
                            at::ScalarType type) const override;
  at::Tensor gated_residual(const at::Tensor& x, const at::Tensor& gate, const at::Tensor& y) const override;
  at::Tensor gelu(const at::Tensor& x) const override;
  std::vector<at::Tensor> attention(const std::vector<model::ops::Stream>& streams, const at::Tensor& rope,
                                    int64_t heads, const at::Tensor& edges) const override;

  bool covers(const at::Tensor& x) const;

  at::DeviceType device_;
  std::function<void*(at::Device)> stream_;
};

}  // namespace fluxsbi::engine::cuda
