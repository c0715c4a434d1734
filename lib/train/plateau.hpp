// Early stopping where the validation loss falls no more.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "checkpoint/training_state.hpp"

namespace fluxsbi::train {

/// Rows and noise are the same in every validation, so that a row's losses can be compared in pairs: the
/// standard error of their mean difference says how much of it is chance.
class Plateau {
 public:
  /// Takes the losses [n] of the validation rows. Waits for the device.
  void observe(const at::Tensor& rows);
  /// Validations since the mean loss last fell by more than the standard error of its fall.
  int64_t stalled() const { return stalled_; }

  /// Adds its part of a checkpoint; older checkpoints hold none.
  void save(checkpoint::TrainingState& state) const;
  void restore(const checkpoint::TrainingState& state, at::Device device);

 private:
  at::Tensor rows_;  ///< [n], losses when these last fell; undefined before the first validation
  int64_t stalled_ = 0;
};

}  // namespace fluxsbi::train
