// The kernels of one training step of the reference Flux1 (4 double- and 8 single-stream blocks, hidden 40 of
// 4 heads, 2 + 2 tokens, batch 256), to be counted and timed.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cuda_kernels/check.hpp"

namespace fluxsbi::test {

struct WorkloadKernel {
  std::string name;  ///< what it does and where
  int per_step = 0;  ///< launches of a training step
  std::function<void()> start;
  double operations = 0;  ///< floating-point operations of one launch, about
};

/// The buffers belong to `check`.
std::vector<WorkloadKernel> training_step_kernels(Check& check, Kind kind);

}  // namespace fluxsbi::test
