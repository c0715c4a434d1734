// What several ranks of a training divide and what they add up.
#pragma once

#include <ATen/core/Tensor.h>

#include "distributed/communicator.hpp"
#include "engine/device_sum.hpp"
#include "engine/work_queue.hpp"

namespace fluxsbi::train {

/// The rows of `rows` that belong to this rank: those of the ranks follow each other and differ by one at
/// most.
engine::Part part_of_rank(int64_t rows, const distributed::Communicator& ranks);

/// How a rank comes to the sum of a step.
struct RankState {
  int stop = 0;         ///< the number of the signal that asked it to stop, or 0
  bool failed = false;  ///< its rows could not be read: there is no gradient
};
/// The same of all ranks together.
struct RanksState {
  bool stop = false;
  bool failed = false;
};

/// Gradient [P] and loss (a scalar) become their sums over the ranks, on a CPU in place; `on_device`: what
/// adds up the gradient between GPUs, null where there is nothing of the kind. Nothing of them is meant
/// where a rank has failed.
RanksState sum_step(distributed::Communicator& ranks, engine::DeviceSum* on_device, at::Tensor& gradient,
                    at::Tensor& loss, const RankState& own);

/// `values` float32 become their sums over the ranks.
void sum_over_ranks(distributed::Communicator& ranks, at::Tensor& values);

/// Rank 0's `values` on every rank.
void take_from_first(distributed::Communicator& ranks, at::Tensor& values);

/// CRC-32 of `values`.
uint32_t checksum(const at::Tensor& values, uint32_t before = 0);

}  // namespace fluxsbi::train
