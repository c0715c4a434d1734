// A device's own kernels: those of the operations between matrix products, and the optimiser's step.
#pragma once

#include <ATen/core/Tensor.h>

#include "model/ops/device_ops.hpp"

namespace fluxsbi::engine {

/// One step of AdamW with clipping before and the average of the weights after it, as train/optimiser.hpp has
/// it. Buffers are [P] float32 and updated in place unless said otherwise.
struct UpdatePass {
  enum class Clip { none, units, whole };  ///< of the gradient: not, each unit by its weights, by its norm
  at::Tensor units;                        ///< [U, 3] int64: offset, length, 1 where weight decay applies
  at::Tensor master, moment1, moment2, average;
  at::Tensor gradient;       ///< read
  at::Tensor working;        ///< bfloat16 copy of master, written; undefined: there is none
  at::Tensor squares;        ///< [U] room for the kernels
  at::Tensor gradient_norm;  ///< scalar, written: the norm before clipping
  at::Tensor scalars;        ///< [4]: lr, lr / (1 - beta1^t), 1 / sqrt(1 - beta2^t), 1 - decay of the average
  double beta1 = 0, beta2 = 0, eps = 0, weight_decay = 0;
  Clip clip = Clip::none;
  double clip_value = 0, least_weight_norm = 0, least_gradient_norm = 0;
};

class DeviceKernels {
 public:
  virtual ~DeviceKernels() = default;
  virtual const model::ops::DeviceOps& ops() const = 0;
  virtual void update(const UpdatePass& pass) const = 0;
};

}  // namespace fluxsbi::engine
