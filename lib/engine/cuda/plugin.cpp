// The plug-in's entry points (engine/plugin.hpp).
#include "engine/plugin.hpp"

#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include "core/text.hpp"
#include "engine/cuda/fused_ops.hpp"
#include "engine/cuda/graph_runner.hpp"
#include "engine/cuda/nccl_sum.hpp"

namespace fluxsbi::engine::cuda {

namespace {

class Plugin : public CudaPlugin {
 public:
  int device_count() const override { return c10::cuda::device_count(); }

  int driver_version() const override {
    int version = 0;
    return cudaDriverGetVersion(&version) == cudaSuccess ? version : 0;
  }

  int toolkit_version() const override {
    int version = 0;
    return cudaRuntimeGetVersion(&version) == cudaSuccess ? version : 0;
  }

  at::Device device(int index) const override { return {at::kCUDA, static_cast<c10::DeviceIndex>(index)}; }

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

  // What the driver has left, and what the caching allocator keeps of freed tensors.
  int64_t free_memory(int device) const override {
    const c10::cuda::CUDAGuard on_device(static_cast<c10::DeviceIndex>(device));
    size_t free = 0, total = 0;
    if (cudaMemGetInfo(&free, &total) != cudaSuccess) return 0;
    const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(static_cast<c10::DeviceIndex>(device));
    const auto all = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
    return static_cast<int64_t>(free) + stats.reserved_bytes[all].current -
           stats.allocated_bytes[all].current;
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

#ifdef FLUXSBI_HAS_NCCL
  std::string new_sum_id() const override {
    return new_nccl_id();
  }

  std::unique_ptr<DeviceSum> make_device_sum(int device, int rank, int size, const std::string& id,
                                             std::string* problem) const override {
    return make_nccl_sum(device, rank, size, id, problem);
  }
#endif

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
