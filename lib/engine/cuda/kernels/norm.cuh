// The modulated norm: y = (1 + scale) (x - mean) r + shift, r = 1 / sqrt(variance + eps), over a row of F.
#pragma once

#include "engine/cuda/kernels/device.cuh"

namespace fluxsbi::engine::cuda::kernels {

constexpr int norm_threads = 128;
constexpr int norm_rows = norm_threads / warp_size;  // of a block: a warp each

struct RowMoments {
  float mean, inverse_deviation;
};

// In two passes, the second of which finds the row in the cache: far from zero a sum of squares would lose
// all digits.
template <class X>
FLUXSBI_DEVICE RowMoments row_moments(const X* x, int64_t F, float eps, int lane) {
  float sum = 0, squares = 0;
  for (int64_t f = lane; f < F; f += warp_size) sum += load(x, f);
  const float mean = warp_sum(sum) / static_cast<float>(F);
  for (int64_t f = lane; f < F; f += warp_size) {
    const float centred = load(x, f) - mean;
    squares += centred * centred;
  }
  return {mean, inverse_root(warp_sum(squares) / static_cast<float>(F) + eps)};
}

// A warp a row.
template <class X, class M, class Y>
FLUXSBI_DEVICE void modulated_norm_row(const ModulatedNorm& call) {
  const int lane = threadIdx.x % warp_size;
  const int64_t row = static_cast<int64_t>(blockIdx.x) * norm_rows + threadIdx.x / warp_size;
  if (row >= call.T * call.B) return;
  const X* x = static_cast<const X*>(call.x) + row * call.F;
  Y* y = static_cast<Y*>(call.y) + row * call.F;
  const int64_t sample = row % call.B;
  const M* shift = static_cast<const M*>(call.shift) + sample * call.shift_stride;
  const M* scale = static_cast<const M*>(call.scale) + sample * call.scale_stride;
  const RowMoments moments = row_moments(x, call.F, call.eps, lane);
  for (int64_t f = lane; f < call.F; f += warp_size) {
    const float normed = (load(x, f) - moments.mean) * moments.inverse_deviation;
    store(y, f, (1 + load(scale, f)) * normed + load(shift, f));
  }
}

// With n the normed row and g = (1 + scale) dy:  dx = r (g - mean(g) - n mean(g n)),
// dshift = sum over tokens of dy, dscale = sum over tokens of dy n.
//
// A block a sample. First the warps find the four numbers of each token's row, then every thread goes down
// its features through the tokens.
template <class X, class M, class Y>
FLUXSBI_DEVICE void modulated_norm_sample_gradient(const ModulatedNormGradient& gradient,
                                                   SharedFloats shared) {
  const ModulatedNorm& call = gradient.of;
  const int T = static_cast<int>(call.T), me = threadIdx.x, lane = me % warp_size;
  const int64_t F = call.F, sample = blockIdx.x;
  const SharedFloats mean = shared, inverse_deviation = shared + T, mean_g = shared + 2 * T,
                     mean_gn = shared + 3 * T;
  const X* all_x = static_cast<const X*>(call.x);
  const Y* all_dy = static_cast<const Y*>(gradient.dy);
  const M* scale = static_cast<const M*>(call.scale) + sample * call.scale_stride;
  for (int t = me / warp_size; t < T; t += norm_rows) {
    const X* x = all_x + (t * call.B + sample) * F;
    const Y* dy = all_dy + (t * call.B + sample) * F;
    const RowMoments moments = row_moments(x, F, call.eps, lane);
    float sum_g = 0, sum_gn = 0;
    for (int64_t f = lane; f < F; f += warp_size) {
      const float g = (1 + load(scale, f)) * load(dy, f);
      sum_g += g;
      sum_gn += g * (load(x, f) - moments.mean) * moments.inverse_deviation;
    }
    sum_g = warp_sum(sum_g);
    sum_gn = warp_sum(sum_gn);
    if (lane != 0) continue;
    mean[t] = moments.mean;
    inverse_deviation[t] = moments.inverse_deviation;
    mean_g[t] = sum_g / static_cast<float>(F);
    mean_gn[t] = sum_gn / static_cast<float>(F);
  }
  __syncthreads();
  for (int64_t f = me; f < F; f += norm_threads) {
    const float gain = 1 + load(scale, f);
    float dshift = 0, dscale = 0;
    for (int t = 0; t < T; ++t) {
      const int64_t at = (t * call.B + sample) * F + f;
      const float r = inverse_deviation[t], dy = load(all_dy, at), n = (load(all_x, at) - mean[t]) * r;
      dshift += dy;
      dscale += dy * n;
      store(static_cast<X*>(gradient.dx), at, r * (gain * dy - mean_g[t] - n * mean_gn[t]));
    }
    store(static_cast<M*>(gradient.dshift), sample * F + f, dshift);
    store(static_cast<M*>(gradient.dscale), sample * F + f, dscale);
  }
}

}  // namespace fluxsbi::engine::cuda::kernels
