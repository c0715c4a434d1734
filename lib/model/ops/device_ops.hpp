// A device's own kernels in place of the plain tensor operations of this folder.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "model/ops/attention.hpp"

namespace fluxsbi::model::ops {

/// The operations of this folder, with their gradients, by kernels of a device. Each takes what the operation
/// of its name takes and returns nothing (an undefined tensor, no tensors) for what it does not cover, which
/// plain operations then compute.
class DeviceOps {
 public:
  virtual ~DeviceOps() = default;
  virtual at::Tensor modulated_norm(const at::Tensor& x, const at::Tensor& shift, const at::Tensor& scale,
                                    at::ScalarType type) const = 0;
  virtual at::Tensor gated_residual(const at::Tensor& x, const at::Tensor& gate,
                                    const at::Tensor& y) const = 0;
  virtual at::Tensor gelu(const at::Tensor& x) const = 0;
  virtual std::vector<at::Tensor> attention(const std::vector<Stream>& streams, const at::Tensor& rope,
                                            int64_t heads, const at::Tensor& edges) const = 0;
};

/// While it lives, the operations that its thread calls run by `ops` (null: by plain tensor operations). A
/// backward pass runs by what its forward pass ran by.
class UseDeviceOps {
 public:
  explicit UseDeviceOps(const DeviceOps* ops);
  ~UseDeviceOps();
  UseDeviceOps(const UseDeviceOps&) = delete;
  UseDeviceOps& operator=(const UseDeviceOps&) = delete;

 private:
  const DeviceOps* before_;
};

/// Those of the innermost UseDeviceOps of this thread, or null.
const DeviceOps* device_ops();

}  // namespace fluxsbi::model::ops
