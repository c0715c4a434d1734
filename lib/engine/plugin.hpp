// The contract between the program and the plug-in fluxsbi_cuda. Both are built from one tree; `abi` guards
// against a plug-in of another version beside the program.
#pragma once

#include <memory>
#include <string>

#include "engine/step_runner.hpp"

namespace fluxsbi::engine {

class DeviceKernels;

inline constexpr int plugin_abi = 2;

class CudaPlugin {
 public:
  virtual ~CudaPlugin() = default;
  /// 0 where the driver sees no GPU.
  virtual int device_count() const = 0;
  /// "NVIDIA H100 80GB HBM3, compute capability 9.0, 78 GB"
  virtual std::string description(int device) const = 0;
  virtual bool has_bfloat16(int device) const = 0;
  virtual std::unique_ptr<StepRunner> make_step_runner(int device) const = 0;
  virtual void synchronize(int device) const = 0;
  /// The device's own kernels, which live as long as the process; null where it cannot run them (a GPU of
  /// compute capability below 8.0) or has none.
  virtual const DeviceKernels* kernels(int) const { return nullptr; }
};

}  // namespace fluxsbi::engine

/// Entry points of the plug-in.
extern "C" {
int fluxsbi_cuda_plugin_abi();
fluxsbi::engine::CudaPlugin* fluxsbi_cuda_plugin();  ///< one instance, lives as long as the process
}
