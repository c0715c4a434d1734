// The plug-in's kernels for tensors on the CPU, emulated.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/cuda/fused_ops.hpp"
#include "engine/cuda/kernels/emulation.hpp"

namespace fluxsbi::test {

inline const engine::DeviceKernels& emulated_kernels() {
  static const engine::cuda::FusedKernels kernels(at::kCPU, [](at::Device) -> void* { return nullptr; });
  return kernels;
}

/// How often each kernel was started since the last call, and what was wrong.
struct KernelCounts {
  std::map<std::string, int> launches;
  std::vector<std::string> faults;

  int all() const {
    int sum = 0;
    for (const auto& [kernel, count] : launches) sum += count;
    return sum;
  }
};

inline KernelCounts take_kernel_counts() {
  auto journal = engine::cuda::kernels::emulation::take_journal();
  KernelCounts counts;
  for (const auto& launch : journal.launches) ++counts.launches[launch.kernel];
  counts.faults = std::move(journal.faults);
  return counts;
}

}  // namespace fluxsbi::test
