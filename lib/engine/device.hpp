// Which device computes, and the CUDA plug-in behind it.
//
// fluxsbi links the CPU half of LibTorch alone. CUDA code lives in the shared library fluxsbi_cuda
// (lib/engine/cuda), which is looked for beside the program, or at FLUXSBI_CUDA_PLUGIN, and loaded only where
// a GPU driver is present and a GPU is wanted. FLUXSBI_DEVICE_PLUGIN names a library of the same contract for
// another device, which takes CUDA's place: `cuda` then means that device.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <c10/core/Device.h>

#include "engine/step_runner.hpp"

namespace fluxsbi::engine {

class DeviceKernels;

struct DeviceChoice {
  at::Device device{at::kCPU};
  std::string sentence;  ///< what was chosen and why, for the log
};

/// `request`: "auto" (a GPU if one can be used, else the CPU), "cpu", "cuda" or "cuda:i"; or "cuda:all" and
/// "cuda:i,j,..." where these are one GPU. Throws UserError for anything else, for several GPUs, and if CUDA
/// is asked for and absent; the message says what is missing.
DeviceChoice choose_device(const std::string& request);

/// The same for work that several devices can share: "cuda:all" is all GPUs, "cuda:i,j,..." those, in this
/// order and each once. At least one.
std::vector<DeviceChoice> choose_devices(const std::string& request);

/// Runs training steps: by plain calls on a CPU, as a captured CUDA graph on a GPU.
std::unique_ptr<StepRunner> make_step_runner(at::Device device);

/// Which numbers a device multiplies faster than float32 ones, each with those before it.
enum class FastProducts {
  none,
  bfloat16,    ///< GPUs; processors of AMD with AVX512-BF16
  bfloat16x3,  ///< sums of two of them, too: processors with AMX
};
FastProducts fast_products(at::Device device);

/// Bytes that may still be allocated there.
int64_t free_memory(at::Device device);

/// The device's own kernels; null on a CPU, and where a GPU cannot run them (compute capability below 8.0).
const DeviceKernels* device_kernels(at::Device device);

/// Waits until the device has done what was asked of it; nothing to do on a CPU.
void synchronize(at::Device device);

}  // namespace fluxsbi::engine
