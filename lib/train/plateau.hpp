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
  /// Validations since the mean loss last fell by more than the standard error of its fall, and how many of
  /// them rose clearly above it: by more than clear_errors standard errors and the share clear_share.
  int64_t stalled() const { return stalled_; }
  int64_t risen() const { return risen_; }
  static constexpr double clear_errors = 3, clear_share = 0.01;
  /// Whether it is time to stop: a clear rise counts as clear_weight validations, because a network that
  /// learns its rows by heart does not turn round.
  bool ended(int64_t patience) const { return stalled_ + (clear_weight - 1) * risen_ >= patience; }
  static constexpr int64_t clear_weight = 3;

  /// Adds its part of a checkpoint; older checkpoints hold none.
  void save(checkpoint::TrainingState& state) const;
  void restore(const checkpoint::TrainingState& state, at::Device device);

 private:
  at::Tensor rows_;  ///< [n], losses when these last fell; undefined before the first validation
  int64_t stalled_ = 0, risen_ = 0;
};

}  // namespace fluxsbi::train
