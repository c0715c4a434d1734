// The plug-in's entry points (engine/plugin.hpp).
#include "engine/plugin.hpp"

#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include "core/text.hpp"
#include "engine/cuda/fused_ops.hpp"
#include "engine/cuda/graph_runner.hpp"

namespace fluxsbi::engine::cuda {

namespace {

class Plugin : public CudaPlugin {
 public:
  int device_count() const override { return c10::cuda::device_count(); }

  std::string description(int device) const override {
    cudaDeviceProp properties{};
    if (cudaGetDeviceProperties(&properties, device) != cudaSuccess) return "unknown GPU";
    return std::string(properties.name) + ", compute capability " + std::to_string(properties.major) + "." +
           std::to_string(properties.minor) + ", " +
           core::bytes_text(static_cast<double>(properties.totalGlobalMem));
  }

  bool has_bfloat16(int device) const override {
    int major = 0;
    cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
    return major >= 8;
  }

  const DeviceKernels* kernels(int device) const override {
    return has_bfloat16(device) ? &kernels_ : nullptr;  // the same compute capability
  }

  std::unique_ptr<StepRunner> make_step_runner(int device) const override {
    return std::make_unique<GraphRunner>(device);
  }

  void synchronize(int device) const override {
    int before = 0;
    cudaGetDevice(&before);
    cudaSetDevice(device);
    cudaDeviceSynchronize();
    cudaSetDevice(before);
  }

 private:
  FusedKernels kernels_{at::kCUDA, [](at::Device device) -> void* {
                          return c10::cuda::getCurrentCUDAStream(device.index()).stream();
                        }};
};

}  // namespace

}  // namespace fluxsbi::engine::cuda

int fluxsbi_cuda_plugin_abi() {
  return fluxsbi::engine::plugin_abi;
}

fluxsbi::engine::CudaPlugin* fluxsbi_cuda_plugin() {
  static fluxsbi::engine::cuda::Plugin plugin;
  return &plugin;
}
