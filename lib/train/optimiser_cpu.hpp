// The CPU kernel of Optimiser: one pass over the memory.
#pragma once

#include <span>

#include "train/optimiser.hpp"

namespace fluxsbi::train::cpu {

/// Adaptive clipping treats every unit's norm as at least this large, so that units that start at zero can
/// move.
inline constexpr float least_weight_norm = 1e-3F;

struct Buffers {
  float *master, *moment1, *moment2, *ema;
  const float* gradient;
};

struct Constants {
  float beta1, beta2, eps, weight_decay;
  bool adaptive;     ///< clip unit by unit
  float clip_value;  ///< of adaptive clipping
};

/// Sum of squares of x[0 .. n).
float sum_of_squares(const float* x, int64_t n);

/// Updates the units; every gradient is multiplied by `factor` first (global clipping). squares: |g_u|^2 per
/// unit.
void update_units(const Buffers& buffers, std::span<const Unit> units, std::span<const float> squares,
                  const Constants& constants, const StepScalars& scalars, float factor);

}  // namespace fluxsbi::train::cpu
