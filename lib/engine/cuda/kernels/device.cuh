// The words in which the kernels are written: CUDA's own under nvcc, and emulated ones (emulation.hpp) where
// the same source is compiled as host C++ for the tests.
//
// Global memory is touched through load() and store(), shared memory through SharedFloats: there the
// emulation sees every access. Arithmetic is float32 whatever the storage.
#pragma once

#include <cstdint>

#include "engine/cuda/kernels/kernels.hpp"

#ifdef __CUDACC__
#include <cuda_bf16.h>
#define FLUXSBI_DEVICE __device__ __forceinline__
#define FLUXSBI_HOST_DEVICE __host__ __device__ __forceinline__
#else
#include "engine/cuda/kernels/emulation.hpp"
#define FLUXSBI_DEVICE inline
#define FLUXSBI_HOST_DEVICE inline
#define __global__
#define __launch_bounds__(...)
#define threadIdx (::fluxsbi::engine::cuda::kernels::emulation::here().thread)
#define blockIdx (::fluxsbi::engine::cuda::kernels::emulation::here().block)
#define blockDim (::fluxsbi::engine::cuda::kernels::emulation::here().block_size)
#define gridDim (::fluxsbi::engine::cuda::kernels::emulation::here().grid)
#define __syncthreads() ::fluxsbi::engine::cuda::kernels::emulation::barrier({__FILE__, __LINE__})
#define __shfl_xor_sync(mask, value, offset) \
  ::fluxsbi::engine::cuda::kernels::emulation::shuffle_xor(mask, value, offset, {__FILE__, __LINE__})
#endif

namespace fluxsbi::engine::cuda::kernels {

constexpr int warp_size = 32;

#ifdef __CUDACC__

using bfloat16 = __nv_bfloat16;
using SharedFloats = float*;

FLUXSBI_DEVICE SharedFloats shared_floats() {
  extern __shared__ float words[];
  return words;
}

FLUXSBI_DEVICE float load(const float* from, int64_t i) {
  return from[i];
}
FLUXSBI_DEVICE float load(const bfloat16* from, int64_t i) {
  return __bfloat162float(from[i]);
}
FLUXSBI_DEVICE int64_t load(const int64_t* from, int64_t i) {
  return from[i];
}
FLUXSBI_DEVICE void store(float* to, int64_t i, float value) {
  to[i] = value;
}
FLUXSBI_DEVICE void store(bfloat16* to, int64_t i, float value) {
  to[i] = __float2bfloat16_rn(value);
}
FLUXSBI_DEVICE float inverse_root(float x) {
  return rsqrtf(x);
}

#else

using emulation::bfloat16;
using emulation::inverse_root;
using emulation::load;
using emulation::shared_floats;
using emulation::SharedFloats;
using emulation::store;

#endif

/// The sum over the lanes of a warp, in every lane. All lanes take part.
FLUXSBI_DEVICE float warp_sum(float value) {
#ifdef __CUDACC__
#pragma unroll
#endif
  for (int offset = warp_size / 2; offset > 0; offset /= 2)
    value += __shfl_xor_sync(0xffffffffU, value, offset);
  return value;
}

}  // namespace fluxsbi::engine::cuda::kernels
