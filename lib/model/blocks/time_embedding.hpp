// Sinusoidal tables: the time embedding and fixed positions.
#pragma once

#include <ATen/core/Tensor.h>

#include "model/blocks/device_constant.hpp"

namespace fluxsbi::model {

/// Of the Flux models: the width of the time embedding, and s / t below.
inline constexpr int64_t time_features = 256;
inline constexpr double time_factor = 1000;

/// timestep_embedding of the Flux models: s = 1000 t, f_k = 10000^(-k / (width / 2)), k = 0 .. width/2 - 1;
/// [cos(s f), sin(s f)]. Always float32: a time rounded to bfloat16 moves the result by up to 0.6.
class TimeEmbedding {
 public:
  explicit TimeEmbedding(int64_t width);

  /// t [B] float32 -> [B, width] float32
  at::Tensor operator()(const at::Tensor& t) const;
  /// f_k, [width / 2] float32, on the CPU
  at::Tensor frequencies() const { return frequencies_.on(at::kCPU); }

 private:
  DeviceConstant frequencies_;  ///< f_k, [width / 2]
};

/// The fixed table of positions 0 .. count-1: [sin(i omega), cos(i omega)], omega_k = 10000^(-k / (width /
/// 2)). [count, width] float32; width is even.
at::Tensor position_table(int64_t count, int64_t width);

/// The same for a grid, row-major: half the width for the row, half for the column. width is a multiple of 4.
at::Tensor grid_position_table(int64_t rows, int64_t columns, int64_t width);

}  // namespace fluxsbi::model
