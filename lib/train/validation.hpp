// The loss of the averaged weights over the whole validation split.
#pragma once

#include "engine/engine.hpp"
#include "method/method.hpp"
#include "train/trainer.hpp"

namespace fluxsbi::train {

/// Noise and condition masks are drawn once, keyed by (seed, chunk), so that two losses differ by the weights
/// alone.
class Validation {
 public:
  /// `engine` holds the averaged weights. All references must outlive the validation.
  Validation(engine::Engine& engine, const method::Method& method, const TrainingData& data, uint64_t seed);

  /// Mean of the rows' losses. Publishes the engine's master weights first; waits for the device.
  double loss();
  /// The loss of each row [n] in the last loss(), whose mean that is.
  const at::Tensor& rows() const { return rows_; }

 private:
  engine::Engine& engine_;
  const method::Method& method_;
  const TrainingData& data_;
  at::Tensor rows_;
  method::Noise noise_;  ///< normal [n, L, C], uniform [n], mask [n, numbers], drop [n], missing
};

}  // namespace fluxsbi::train
