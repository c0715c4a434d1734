// Compiled with -O3 -fno-math-errno -fno-trapping-math (CMakeLists.txt), without which the loops are not
// vectorised.
#include "train/optimiser_cpu.hpp"

#include <algorithm>
#include <cmath>

// One copy of the hot loops for AVX2 and one for any processor, chosen when the program starts.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define FLUXSBI_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define FLUXSBI_CLONES
#endif

namespace fluxsbi::train::cpu {

namespace {

constexpr int64_t lanes = 16;
constexpr float least_gradient_norm = 1e-6F;  // keeps the division finite

FLUXSBI_CLONES void update_span(float* __restrict master, float* __restrict moment1,
                                float* __restrict moment2, float* __restrict ema,
                                const float* __restrict gradient, int64_t n, float factor, float keep,
                                const Constants& constants, const StepScalars& scalars) {
  const float beta1 = constants.beta1, gain1 = 1 - beta1, beta2 = constants.beta2, gain2 = 1 - beta2;
  const float eps = constants.eps, step_size = scalars.step_size, root_scale = scalars.root_scale;
  const float average_gain = scalars.average_gain;
  for (int64_t i = 0; i < n; ++i) {
    const float g = gradient[i] * factor;
    const float m = beta1 * moment1[i] + gain1 * g;
    const float v = beta2 * moment2[i] + gain2 * g * g;
    const float w = master[i] * keep - step_size * m / (std::sqrt(v) * root_scale + eps);
    moment1[i] = m;
    moment2[i] = v;
    master[i] = w;
    ema[i] += average_gain * (w - ema[i]);
  }
}

float adaptive_factor(float gradient_norm, float weight_norm, float clip_value) {
  const float limit = clip_value * std::max(weight_norm, least_weight_norm);
  return gradient_norm < limit ? 1.0F : limit / std::max(gradient_norm, least_gradient_norm);
}

}  // namespace

// Sixteen partial sums: the order of the additions does not depend on the processor.
FLUXSBI_CLONES float sum_of_squares(const float* x, int64_t n) {
  float partial[lanes] = {};
  const int64_t whole = n / lanes * lanes;
  for (int64_t i = 0; i < whole; i += lanes) {
    for (int64_t lane = 0; lane < lanes; ++lane) partial[lane] += x[i + lane] * x[i + lane];
  }
  for (int64_t i = whole; i < n; ++i) partial[i - whole] += x[i] * x[i];
  for (int64_t width = lanes / 2; width > 0; width /= 2) {
    for (int64_t lane = 0; lane < width; ++lane) partial[lane] += partial[lane + width];
  }
  return partial[0];
}

void update_units(const Buffers& b, std::span<const Unit> units, std::span<const float> squares,
                  const Constants& constants, const StepScalars& scalars, float factor) {
  for (size_t i = 0; i < units.size(); ++i) {
    const auto [offset, length, decays] = units[i];
    float scale = factor;
    if (constants.adaptive) {
      const float weight_norm = std::sqrt(sum_of_squares(b.master + offset, length));
      scale *= adaptive_factor(std::sqrt(squares[i]), weight_norm, constants.clip_value);
    }
    const float keep = decays ? 1 - scalars.rate * constants.weight_decay : 1.0F;
    update_span(b.master + offset, b.moment1 + offset, b.moment2 + offset, b.ema + offset,
                b.gradient + offset, length, scale, keep, constants, scalars);
  }
}

}  // namespace fluxsbi::train::cpu
