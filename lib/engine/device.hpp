// Which device computes, and the CUDA plug-in behind it.
//
// fluxsbi links the CPU half of LibTorch alone. CUDA code lives in the shared library fluxsbi_cuda
// (lib/engine/cuda), which is looked for beside the program, or at FLUXSBI_CUDA_PLUGIN, and loaded only where
// a GPU driver is present and a GPU is wanted.
#pragma once

#include <memory>
#include <string>

#include <ATen/core/Tensor.h>

#include "engine/engine.hpp"
#include "engine/step_runner.hpp"

namespace fluxsbi::engine {

struct DeviceChoice {
  at::Device device{at::kCPU};
  std::string sentence;  ///< what was chosen and why, for the log
};

/// `request`: "auto" (a GPU if one can be used, else the CPU), "cpu", "cuda" or "cuda:i". Throws UserError
/// for anything else, and if CUDA is asked for and absent; the message says what is missing.
DeviceChoice choose_device(const std::string& request);

/// An engine for the network on this device. `request`: "auto" (the fastest that covers it), "reference" (the
/// modules: on a CPU the batch-parallel engine) or "tile". Throws UserError for anything else, and where the
/// tile engine is asked for and does not cover the network (says what it does not cover).
std::unique_ptr<Engine> make_engine(std::shared_ptr<model::Network> network, at::ScalarType compute,
                                    at::Device device, const std::string& request = "auto");

/// What `auto` does on this machine, a sentence.
std::string default_engine_sentence();

/// Which engine runs and why, for the log.
std::string engine_sentence(Engine& engine, at::ScalarType compute, const std::string& request);

/// Runs training steps: by plain calls on a CPU, as a captured CUDA graph on a GPU.
std::unique_ptr<StepRunner> make_step_runner(at::Device device);

/// True where the device multiplies bfloat16 numbers itself.
bool has_bfloat16(at::Device device);

/// Waits until the device has done what was asked of it; nothing to do on a CPU.
void synchronize(at::Device device);

}  // namespace fluxsbi::engine
