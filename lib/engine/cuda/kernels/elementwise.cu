#include "engine/cuda/kernels/elementwise.cuh"
#include "engine/cuda/kernels/launch.cuh"

namespace fluxsbi::engine::cuda::kernels {

namespace {

Shape thread_per(int64_t elements) {
  return {blocks_for(elements, elementwise_threads), 1, elementwise_threads, 0};
}

}  // namespace

template <class T>
__global__ void __launch_bounds__(elementwise_threads) gelu_kernel(Gelu call) {
  gelu_element<T>(call);
}

template <class T>
__global__ void __launch_bounds__(elementwise_threads) gelu_gradient_kernel(GeluGradient call) {
  gelu_gradient_element<T>(call);
}

template <class T>
__global__ void __launch_bounds__(elementwise_threads) gated_residual_kernel(GatedResidual call) {
  gated_residual_element<T>(call);
}

template <class T>
__global__ void __launch_bounds__(elementwise_threads)
    gated_residual_gradient_kernel(GatedResidualGradient call) {
  gated_residual_gradient_column<T>(call);
}

void gelu(const Gelu& call, Stream stream) {
  const Shape shape = thread_per(call.n);
  if (call.type == Storage::float32) {
    start("gelu float32", gelu_kernel<float>, shape, call, stream);
  } else {
    start("gelu bfloat16", gelu_kernel<bfloat16>, shape, call, stream);
  }
}

void gelu_gradient(const GeluGradient& call, Stream stream) {
  const Shape shape = thread_per(call.n);
  if (call.type == Storage::float32) {
    start("gelu_gradient float32", gelu_gradient_kernel<float>, shape, call, stream);
  } else {
    start("gelu_gradient bfloat16", gelu_gradient_kernel<bfloat16>, shape, call, stream);
  }
}

void gated_residual(const GatedResidual& call, Stream stream) {
  const Shape shape = thread_per(call.T * call.B * call.F);
  if (call.type == Storage::float32) {
    start("gated_residual float32", gated_residual_kernel<float>, shape, call, stream);
  } else {
    start("gated_residual bfloat16", gated_residual_kernel<bfloat16>, shape, call, stream);
  }
}

void gated_residual_gradient(const GatedResidualGradient& call, Stream stream) {
  const Shape shape = thread_per(call.of.B * call.of.F);
  if (call.of.type == Storage::float32) {
    start("gated_residual_gradient float32", gated_residual_gradient_kernel<float>, shape, call, stream);
  } else {
    start("gated_residual_gradient bfloat16", gated_residual_gradient_kernel<bfloat16>, shape, call, stream);
  }
}

}  // namespace fluxsbi::engine::cuda::kernels
