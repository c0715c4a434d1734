// A table that depends on hyperparameters only: computed once, copied once to the device that uses it.
#pragma once

#include <utility>

#include <ATen/core/Tensor.h>

namespace fluxsbi::model {

/// Not a parameter and not a buffer of a module: it keeps its dtype when the module's parameters change
/// theirs. The first use on another device copies (and must not happen inside a CUDA graph's capture); later
/// ones cost nothing. One thread at a time may use it.
class DeviceConstant {
 public:
  DeviceConstant() = default;
  explicit DeviceConstant(at::Tensor on_cpu) : tensor_(std::move(on_cpu)) {}

  bool defined() const { return tensor_.defined(); }
  const at::Tensor& on(at::Device device) const {
    if (tensor_.device() != device) tensor_ = tensor_.to(device);
    return tensor_;
  }

 private:
  mutable at::Tensor tensor_;
};

}  // namespace fluxsbi::model
