// The contract between the program and the plug-in fluxsbi_cuda, or that of another device. Both are built
// from one tree; `abi` guards against a plug-in of another version beside the program.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <c10/core/Device.h>

#include "engine/device_sum.hpp"
#include "engine/step_runner.hpp"

namespace fluxsbi::engine {

class DeviceKernels;

inline constexpr int plugin_abi = 3;

class CudaPlugin {
 public:
  virtual ~CudaPlugin() = default;
  /// 0 where the driver sees no GPU.
  virtual int device_count() const = 0;
  /// The CUDA that the driver supports and the one that the plug-in was built with, as CUDA numbers them
  /// (12020 is 12.2); 0: unknown. Asked for where the driver sees no GPU.
  virtual int driver_version() const { return 0; }
  virtual int toolkit_version() const { return 0; }
  /// LibTorch's name of a device, counted from 0.
  virtual at::Device device(int index) const = 0;
  /// "NVIDIA H100 80GB HBM3, compute capability 9.0, 78 GB"
  virtual std::string description(int device) const = 0;
  virtual bool has_bfloat16(int device) const = 0;
  /// Bytes that tensors may still take.
  virtual int64_t free_memory(int device) const = 0;
  virtual std::unique_ptr<StepRunner> make_step_runner(int device) const = 0;
  virtual void synchronize(int device) const = 0;
  /// Sums between GPUs (device_sum.hpp): an id that rank 0 gives to all, "" where there is no NCCL; and what
  /// adds up, null with the reason in *problem where the ranks' GPUs cannot.
  virtual std::string new_sum_id() const { return ""; }
  virtual std::unique_ptr<DeviceSum> make_device_sum(int /*device*/, int /*rank*/, int /*size*/,
                                                     const std::string& /*id*/,
                                                     std::string* /*problem*/) const {
    return nullptr;
  }
  /// The device's own kernels, which live as long as the process; null where it cannot run them (a GPU of
  /// compute capability below 8.0) or has none.
  virtual const DeviceKernels* kernels(int) const { return nullptr; }
};

/// That which the process has loaded; null: none.
const CudaPlugin* cuda_plugin();

}  // namespace fluxsbi::engine

/// Entry points of the plug-in.
extern "C" {
int fluxsbi_cuda_plugin_abi();
fluxsbi::engine::CudaPlugin* fluxsbi_cuda_plugin();  ///< one instance, lives as long as the process
}
