// AdamW, clipping and the average of the weights on flat buffers.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/flat_parameters.hpp"
#include "train/options.hpp"

namespace fluxsbi::train {

/// The weights whose gradient norm is limited together ("unit-wise", Brock et al. 2021, arXiv 2102.06171): a
/// row of a matrix [out, in], or a whole vector. Axes of length 1 do not count. [offset, offset + length) of
/// the flat buffers.
struct Unit {
  int64_t offset = 0, length = 0;
  bool decays = false;
};
std::vector<Unit> units_of(const engine::FlatParameters& parameters);

/// The numbers of one step.
struct StepScalars {
  float rate = 0;          ///< learning rate lr
  float step_size = 0;     ///< lr / (1 - beta1^t)
  float root_scale = 0;    ///< 1 / sqrt(1 - beta2^t)
  float average_gain = 0;  ///< 1 - ema decay of this step
};

/// One step t = 1, 2, ... with gradient g (after clipping), element by element:
///   m <- beta1 m + (1 - beta1) g                     v <- beta2 v + (1 - beta2) g^2
///   w <- w (1 - lr weight_decay decays) - lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)
///   ema <- ema + (1 - d_t) (w - ema),                d_t = min(ema_decay, (1 + t) / (10 + t))
/// (Loshchilov and Hutter 2019, arXiv 1711.05101), then publishes w to the working copy.
/// Clipping, before that:
///   adaptive: if |g_u| >= clip_value max(|w_u|, 1e-3) for the gradient g_u of a unit u, g_u is scaled down
///             to that norm, as optax.adaptive_grad_clip does
///   global:   if the whole gradient has a norm >= clip_value, it is scaled down to that norm
/// Nothing waits for the device: the numbers that change from step to step are in a tensor that prepare()
/// fills, so update() can be recorded.
class Optimiser {
 public:
  /// `ema` [P] float32 is updated in place; it is not published anywhere.
  Optimiser(engine::FlatParameters& parameters, at::Tensor ema, const OptimizerOptions& options,
            double ema_decay);

  /// Call before update() of step `step`, counted from 0.
  void prepare(int64_t step, double rate);
  /// Uses parameters.gradient as it stands; may overwrite it. By parameters.kernels where there are some.
  void update();
  /// update() in plain tensor operations, on any device: the reference of the CPU kernel, and what CUDA runs.
  void update_by_tensor_operations();

  at::Tensor moment1, moment2, ema;  ///< [P] float32
  at::Tensor gradient_norm;          ///< scalar float32: norm of the last gradient before clipping

 private:
  void update_on_cpu();
  void update_by_kernels();
  at::Tensor clip_by_unit(const at::Tensor& gradient) const;

  engine::FlatParameters& parameters_;
  OptimizerOptions options_;
  double ema_decay_;
  std::vector<Unit> units_;
  std::vector<int64_t> chunks_;  ///< first unit of each piece of work of the CPU kernel, and the end
  std::vector<float> squares_;   ///< per unit, of the CPU kernel
  at::Tensor scalars_;           ///< [4] float32, StepScalars on the device
  at::Tensor unit_bounds_;       ///< [units + 1] int64, gaps counted to the unit before them
  at::Tensor unit_of_element_;   ///< [P] int64
  at::Tensor unit_table_;        ///< [units, 3] int64: offset, length, decays; of a device's own kernels
  at::Tensor unit_squares_;      ///< [units] float32, room for them
};

}  // namespace fluxsbi::train
