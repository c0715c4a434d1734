// What the trainer takes its batches from.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "engine/work_queue.hpp"
#include "method/method.hpp"

namespace fluxsbi::train {

/// The rows of training steps. What a step reads lies in tensors of fixed shape and place, so that steps can
/// be recorded.
class BatchFeed {
 public:
  virtual ~BatchFeed() = default;
  /// Makes the rows of step `step` (counted from 0) ready: those that DataOrder puts there. Throws UserError
  /// where they cannot be read.
  virtual void prepare(int64_t step) = 0;
  /// Part of the step: sets obs and cond of `batch` to the feed's part of micro-batch `index` of the step.
  virtual void load(int64_t index, method::Batch& batch) = 0;
};

/// Standardised rows, float32, as a batch has them on the engine's device. Joint models have theta and x side
/// by side in `theta`, and nothing in `x`.
class Rows {
 public:
  virtual ~Rows() = default;
  virtual int64_t size() const = 0;
  virtual at::Device device() const = 0;
  virtual std::vector<int64_t> theta_shape() const = 0;  ///< of a row, [L, C]
  virtual std::vector<int64_t> x_shape() const = 0;      ///< of a row, [M, K]; empty for joint models
  /// Rows first, ..., first + count - 1.
  virtual method::Batch slice(int64_t first, int64_t count) const = 0;
  /// Steps of `batches` micro-batches of `batch_size` rows, in the order of `seed`, of each of which the feed
  /// loads the rows of `part`: all of them, or those of one of several ranks. The rows must outlive it.
  virtual std::unique_ptr<BatchFeed> feed(int64_t batches, int64_t batch_size, uint64_t seed,
                                          const engine::Part& part) const = 0;
};

/// Room for rows, [leading..., shape...] float32.
at::Tensor empty_rows(std::vector<int64_t> leading, const std::vector<int64_t>& shape, at::Device device);

}  // namespace fluxsbi::train
