// Sums over the ranks of a training that stay on their GPUs.
#pragma once

#include <memory>

#include <ATen/core/Tensor.h>

#include "distributed/communicator.hpp"

namespace fluxsbi::engine {

class DeviceSum {
 public:
  virtual ~DeviceSum() = default;
  /// `values` (float32, contiguous) become their sums over the ranks, in the order of the current stream.
  /// Collective; all ranks get the same bits. The order of additions is the library's (NCCL), the same each
  /// time for the same GPUs.
  virtual void sum(at::Tensor& values) = 0;
};

/// Collective: NCCL between the ranks' GPUs, which meet by `ranks`, whatever launcher has started them.
/// Null where the sum has to go by the host's memory, which rank 0 says with the reason: on CPUs (nothing
/// is said), and where a rank has no NCCL or two ranks share a GPU.
std::unique_ptr<DeviceSum> make_device_sum(distributed::Communicator& ranks, c10::Device device);

}  // namespace fluxsbi::engine
