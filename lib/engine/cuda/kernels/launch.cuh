// Starts a kernel: on a stream of the device, or under emulation.
#pragma once

#include <cstddef>

#include "engine/cuda/kernels/device.cuh"

#ifdef __CUDACC__
#include <stdexcept>
#include <string>

#include <cuda_runtime_api.h>
#endif

namespace fluxsbi::engine::cuda::kernels {

/// Blocks in two directions, threads of a block, bytes of shared memory of a block.
struct Shape {
  int64_t blocks = 0, groups = 1;
  int threads = 0;
  int64_t shared_bytes = 0;
};

inline int64_t blocks_for(int64_t work, int64_t of_a_block) {
  return (work + of_a_block - 1) / of_a_block;
}

#ifdef __CUDACC__
inline void check(const char* kernel, cudaError_t result) {
  if (result != cudaSuccess)
    throw std::runtime_error(std::string("CUDA kernel ") + kernel + ": " + cudaGetErrorString(result));
}
#endif

template <class Call>
void start(const char* name, void (*kernel)(Call), const Shape& shape, const Call& call,
           [[maybe_unused]] Stream stream) {
  if (shape.blocks == 0 || shape.groups == 0) return;
#ifdef __CUDACC__
  constexpr int64_t without_asking = 48 * 1024;
  if (shape.shared_bytes > without_asking)
    check(name, cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                     static_cast<int>(shape.shared_bytes)));
  const dim3 grid(static_cast<unsigned>(shape.blocks), static_cast<unsigned>(shape.groups));
  kernel<<<grid, shape.threads, static_cast<size_t>(shape.shared_bytes), static_cast<cudaStream_t>(stream)>>>(
      call);
  check(name, cudaGetLastError());
#else
  emulation::launch(name, {static_cast<int>(shape.blocks), static_cast<int>(shape.groups)}, shape.threads,
                    static_cast<size_t>(shape.shared_bytes), [&] { kernel(call); });
#endif
}

}  // namespace fluxsbi::engine::cuda::kernels
