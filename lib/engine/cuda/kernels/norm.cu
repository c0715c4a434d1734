#include "engine/cuda/kernels/launch.cuh"
#include "engine/cuda/kernels/norm.cuh"

namespace fluxsbi::engine::cuda::kernels {

template <class X, class M, class Y>
__global__ void __launch_bounds__(norm_threads) modulated_norm_kernel(ModulatedNorm call) {
  modulated_norm_row<X, M, Y>(call);
}

template <class X, class M, class Y>
__global__ void __launch_bounds__(norm_threads) modulated_norm_gradient_kernel(ModulatedNormGradient call) {
  modulated_norm_sample_gradient<X, M, Y>(call, shared_floats());
}

void modulated_norm(const ModulatedNorm& call, Stream stream) {
  const Shape shape{blocks_for(call.T * call.B, norm_rows), 1, norm_threads, 0};
  if (call.x_type == Storage::float32) {
    start("modulated_norm float32", modulated_norm_kernel<float, float, float>, shape, call, stream);
  } else if (call.y_type == Storage::float32) {
    start("modulated_norm bfloat16 to float32", modulated_norm_kernel<bfloat16, float, float>, shape, call,
          stream);
  } else {
    start("modulated_norm bfloat16", modulated_norm_kernel<bfloat16, bfloat16, bfloat16>, shape, call,
          stream);
  }
}

void modulated_norm_gradient(const ModulatedNormGradient& call, Stream stream) {
  const Shape shape{call.of.B, 1, norm_threads, 4 * call.of.T * static_cast<int64_t>(sizeof(float))};
  if (call.of.x_type == Storage::float32) {
    start("modulated_norm_gradient float32", modulated_norm_gradient_kernel<float, float, float>, shape, call,
          stream);
  } else if (call.of.y_type == Storage::float32) {
    start("modulated_norm_gradient bfloat16 to float32",
          modulated_norm_gradient_kernel<bfloat16, float, float>, shape, call, stream);
  } else {
    start("modulated_norm_gradient bfloat16", modulated_norm_gradient_kernel<bfloat16, bfloat16, bfloat16>,
          shape, call, stream);
  }
}

}  // namespace fluxsbi::engine::cuda::kernels
