// The gated residual and gelu.
#pragma once

#include "engine/cuda/kernels/device.cuh"

#ifndef __CUDACC__
#include <cmath>
#endif

namespace fluxsbi::engine::cuda::kernels {

constexpr int elementwise_threads = 256;

// x Phi(x) by its tanh form, 0.5 x (1 + tanh(u)) = x / (1 + exp(-2u)), u = sqrt(2 / pi) (x + 0.044715 x^3).
// The second form loses no digits where x is negative.
constexpr float gelu_slope = 1.5957691216057308F;  // 2 sqrt(2 / pi)
constexpr float gelu_cubic = 0.044715F;

FLUXSBI_DEVICE float gelu_of(float x) {
  return x / (1 + expf(-gelu_slope * (x + gelu_cubic * x * x * x)));
}

// s + x s (1 - s) d(2u)/dx, s = 1 / (1 + exp(-2u)). Beyond 10 the slope is 0 or 1 to the last digit, and x^2
// might overflow.
FLUXSBI_DEVICE float gelu_slope_at(float x) {
  if (x > 10) return 1;
  if (x < -10) return 0;
  const float s = 1 / (1 + expf(-gelu_slope * (x + gelu_cubic * x * x * x)));
  return s + x * s * (1 - s) * gelu_slope * (1 + 3 * gelu_cubic * x * x);
}

FLUXSBI_DEVICE int64_t element_of_thread() {
  return static_cast<int64_t>(blockIdx.x) * elementwise_threads + threadIdx.x;
}

template <class T>
FLUXSBI_DEVICE void gelu_element(const Gelu& call) {
  const int64_t i = element_of_thread();
  if (i < call.n) store(static_cast<T*>(call.y), i, gelu_of(load(static_cast<const T*>(call.x), i)));
}

template <class T>
FLUXSBI_DEVICE void gelu_gradient_element(const GeluGradient& call) {
  const int64_t i = element_of_thread();
  if (i >= call.n) return;
  const float slope = gelu_slope_at(load(static_cast<const T*>(call.x), i));
  store(static_cast<T*>(call.dx), i, slope * load(static_cast<const T*>(call.dy), i));
}

template <class T>
FLUXSBI_DEVICE void gated_residual_element(const GatedResidual& call) {
  const int64_t i = element_of_thread();
  if (i >= call.T * call.B * call.F) return;
  const int64_t sample = i / call.F % call.B, f = i % call.F;
  const float gate = load(static_cast<const T*>(call.gate), sample * call.gate_stride + f);
  const float y = load(static_cast<const T*>(call.y), i);
  store(static_cast<T*>(call.out), i, load(static_cast<const T*>(call.x), i) + gate * y);
}

// A thread goes down one feature of one sample through the tokens.
template <class T>
FLUXSBI_DEVICE void gated_residual_gradient_column(const GatedResidualGradient& gradient) {
  const GatedResidual& call = gradient.of;
  const int64_t column = element_of_thread(), columns = call.B * call.F;
  if (column >= columns) return;
  const float gate =
      load(static_cast<const T*>(call.gate), column / call.F * call.gate_stride + column % call.F);
  float sum = 0;
  for (int64_t t = 0; t < call.T; ++t) {
    const int64_t i = t * columns + column;
    const float dout = load(static_cast<const T*>(gradient.dout), i);
    sum += dout * load(static_cast<const T*>(call.y), i);
    store(static_cast<T*>(gradient.dy), i, gate * dout);
  }
  store(static_cast<T*>(gradient.dgate), column, sum);
}

}  // namespace fluxsbi::engine::cuda::kernels
