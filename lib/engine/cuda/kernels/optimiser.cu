#include "engine/cuda/kernels/launch.cuh"
#include "engine/cuda/kernels/optimiser.cuh"

namespace fluxsbi::engine::cuda::kernels {

__global__ void __launch_bounds__(update_threads) unit_squares_kernel(Update call) {
  unit_squares(call);
}

__global__ void __launch_bounds__(norm_sum_threads) gradient_norm_kernel(Update call) {
  norm_of_squares(call, shared_floats());
}

__global__ void __launch_bounds__(update_threads) update_kernel(Update call) {
  update_unit(call);
}

void update(const Update& call, Stream stream) {
  const Shape warp_per_unit{blocks_for(call.units, update_units), 1, update_threads, 0};
  const Shape one_block{1, 1, norm_sum_threads, norm_sum_threads * static_cast<int64_t>(sizeof(float))};
  const auto sum_up = [&] { start("gradient_norm", gradient_norm_kernel, one_block, call, stream); };
  if (call.clip == Clip::global) {
    start("unit_squares", unit_squares_kernel, warp_per_unit, call, stream);
    sum_up();
  }
  start("update", update_kernel, warp_per_unit, call, stream);
  if (call.clip != Clip::global) sum_up();
}

}  // namespace fluxsbi::engine::cuda::kernels
