// Device tensors as the CPU sees them, and back.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

namespace fluxsbi::pretend {

bool on_device(const at::Tensor& tensor);

/// A CPU tensor of the same bytes, sizes and strides. It keeps no memory alive.
at::Tensor alias_of(const at::Tensor& on_device);

/// A device tensor that views the storage of `of` as `view` views that of `of`'s alias.
at::Tensor view_like(const at::Tensor& of, const at::Tensor& view);

/// A device tensor with the numbers and strides of a CPU tensor, on the device `index`.
at::Tensor placed(const at::Tensor& on_cpu, c10::DeviceIndex index);

/// Copies bytes of a CPU tensor over those of an alias of the same strides.
void copy_bytes(const at::Tensor& from, const at::Tensor& to);

}  // namespace fluxsbi::pretend
