// One step of the optimiser, unit by unit: a unit is a row of a matrix or a whole vector, whose gradient norm
// is limited together. A warp a unit: it reads gradient and weights for their norms and again, from the
// cache, for the update, so that every buffer passes through memory once.
#pragma once

#include "engine/cuda/kernels/device.cuh"

namespace fluxsbi::engine::cuda::kernels {

constexpr int update_threads = 256;
constexpr int update_units = update_threads / warp_size;  // of a block
constexpr int norm_sum_threads = 256;                     // a power of two

FLUXSBI_DEVICE int64_t unit_of_warp() {
  return static_cast<int64_t>(blockIdx.x) * update_units + threadIdx.x / warp_size;
}

FLUXSBI_DEVICE float sum_of_squares(const float* x, int64_t n, int lane) {
  float sum = 0;
  for (int64_t i = lane; i < n; i += warp_size) {
    const float value = load(x, i);
    sum += value * value;
  }
  return warp_sum(sum);
}

FLUXSBI_DEVICE void unit_squares(const Update& call) {
  const int lane = threadIdx.x % warp_size;
  const int64_t unit = unit_of_warp();
  if (unit >= call.units) return;
  const int64_t offset = load(call.table, 3 * unit), length = load(call.table, 3 * unit + 1);
  const float squares = sum_of_squares(call.gradient + offset, length, lane);
  if (lane == 0) store(call.squares, unit, squares);
}

// One block: norm = sqrt(sum over units of squares).
FLUXSBI_DEVICE void norm_of_squares(const Update& call, SharedFloats sums) {
  const int me = threadIdx.x;
  float own = 0;
  for (int64_t unit = me; unit < call.units; unit += norm_sum_threads) own += load(call.squares, unit);
  sums[me] = own;
  __syncthreads();
  for (int width = norm_sum_threads / 2; width > 0; width /= 2) {
    if (me < width) sums[me] = sums[me] + sums[me + width];
    __syncthreads();
  }
  if (me == 0) store(call.norm, 0, sqrtf(sums[0]));
}

// What the gradient of a unit is multiplied by. An undefined norm stays undefined.
FLUXSBI_DEVICE float clip_factor(const Update& call, float squares, const float* weights, int64_t length,
                                 int lane) {
  if (call.clip == Clip::none) return 1;
  if (call.clip == Clip::global) {
    const float norm = load(call.norm, 0);
    return norm < call.clip_value ? 1 : call.clip_value / norm;
  }
  const float norm = sqrtf(squares), weight_norm = sqrtf(sum_of_squares(weights, length, lane));
  const float limit =
      call.clip_value * (weight_norm < call.least_weight_norm ? call.least_weight_norm : weight_norm);
  if (norm < limit) return 1;
  return limit / (norm < call.least_gradient_norm ? call.least_gradient_norm : norm);
}

FLUXSBI_DEVICE void update_unit(const Update& call) {
  const int lane = threadIdx.x % warp_size;
  const int64_t unit = unit_of_warp();
  if (unit >= call.units) return;
  const int64_t offset = load(call.table, 3 * unit), length = load(call.table, 3 * unit + 1);
  const bool decays = load(call.table, 3 * unit + 2) != 0;
  const float *gradient = call.gradient + offset, *weights = call.master + offset;
  float squares = 0;
  if (call.clip != Clip::global) {
    squares = sum_of_squares(gradient, length, lane);
    if (lane == 0) store(call.squares, unit, squares);
  }
  const float factor = clip_factor(call, squares, weights, length, lane);
  const float rate = load(call.scalars, 0), step_size = load(call.scalars, 1),
              root_scale = load(call.scalars, 2), average_gain = load(call.scalars, 3);
  const float keep = decays ? 1 - rate * call.weight_decay : 1;
  for (int64_t i = offset + lane; i < offset + length; i += warp_size) {
    const float g = load(call.gradient, i) * factor;
    const float m = call.beta1 * load(call.moment1, i) + (1 - call.beta1) * g;
    const float v = call.beta2 * load(call.moment2, i) + (1 - call.beta2) * g * g;
    const float w = load(call.master, i) * keep - step_size * m / (sqrtf(v) * root_scale + call.eps);
    const float average = load(call.average, i);
    store(call.moment1, i, m);
    store(call.moment2, i, v);
    store(call.master, i, w);
    store(call.average, i, average + average_gain * (w - average));
    if (call.working) store(static_cast<bfloat16*>(call.working), i, w);
  }
}

}  // namespace fluxsbi::engine::cuda::kernels
