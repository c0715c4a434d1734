// Layer norm; part of kernels_*.cpp, see simd.hpp for the rules.
#pragma once

#include "engine/tile/kernels/blocks.inl"

namespace fluxsbi::engine::tile {

namespace {

// The variance is that of centred numbers: E[x^2] - E[x]^2 would lose it beside a large mean.
void norm_kernel(const Norm& p) {
  const float share = 1.0F / static_cast<float>(p.x.F);
  const int64_t end = p.x.F * lanes;
  over_tokens(p.out.T, [&](int64_t t) {
    const float *x = row(p.x, t), *shift = row(p.shift, t), *scale = row(p.scale, t);
    float *out = row(p.out, t), *statistics = row(p.statistics, t);
    over_lanes([&](int64_t lane) {
      const Vec mean = sum_over_features(p.x.F, lane, [&](int64_t i) { return load(x + i); }) * share;
      const Vec squares = sum_over_features(p.x.F, lane, [&](int64_t i) {
        const Vec centred = load(x + i) - mean;
        return centred * centred;
      });
      const Vec factor = 1 / square_root(squares * share + p.eps);
      for (int64_t i = lane; i < end; i += lanes) {
        const Vec normed = (load(x + i) - mean) * factor;
        store(out + i, (load(scale + i) + 1) * normed + load(shift + i));
      }
      store(statistics + lane, mean);
      store(statistics + lanes + lane, factor);
    });
  });
}

// With n = (x - mean) factor and h = (1 + scale) g:  dx = factor (h - mean(h) - n mean(h n)).
void norm_backward_kernel(const NormBackward& p) {
  const float share = 1.0F / static_cast<float>(p.x.F);
  const int64_t end = p.x.F * lanes;
  over_tokens(p.out_gradient.T, [&](int64_t t) {
    const float *x = row(p.x, t), *scale = row(p.scale, t), *g = row(p.out_gradient, t);
    const float* statistics = row(p.statistics, t);
    const GradientRow dx(p.x_gradient, t), dshift(p.shift_gradient, t), dscale(p.scale_gradient, t);
    over_lanes([&](int64_t lane) {
      const Vec mean = load(statistics + lane), factor = load(statistics + lanes + lane);
      Vec sum_h{}, sum_hn{};
      for (int64_t i = lane; i < end; i += lanes) {
        const Vec gradient = load(g + i), normed = (load(x + i) - mean) * factor;
        const Vec h = (load(scale + i) + 1) * gradient;
        sum_h += h;
        sum_hn += h * normed;
        dshift.put(i, gradient);
        dscale.put(i, gradient * normed);
      }
      if (!dx.data) return;
      const Vec mean_h = sum_h * share, mean_hn = sum_hn * share;
      for (int64_t i = lane; i < end; i += lanes) {
        const Vec normed = (load(x + i) - mean) * factor;
        dx.put(i, factor * ((load(scale + i) + 1) * load(g + i) - mean_h - normed * mean_hn));
      }
    });
  });
}

}  // namespace

}  // namespace fluxsbi::engine::tile
