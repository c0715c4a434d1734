// Kernels that treat each number by itself; part of kernels_*.cpp, see simd.hpp for the rules.
#pragma once

#include "engine/tile/kernels/blocks.inl"
#include "engine/tile/kernels/functions.inl"

namespace fluxsbi::engine::tile {

namespace {

void gate_kernel(const Gate& p) {
  over_tokens(p.out.T, [&](int64_t t) {
    const float *x = row(p.x, t), *y = row(p.y, t);
    float* out = row(p.out, t);
    over_vectors(p.out.F,
                 [&](int64_t i) { store(out + i, load(x + i) + load(p.gate.data + i) * load(y + i)); });
  });
}

void gate_backward_kernel(const GateBackward& p) {
  over_tokens(p.out_gradient.T, [&](int64_t t) {
    const float *y = row(p.y, t), *g = row(p.out_gradient, t);
    const GradientRow dx(p.x_gradient, t), dgate(p.gate_gradient, t), dy(p.y_gradient, t);
    over_vectors(p.out_gradient.F, [&](int64_t i) {
      const Vec gradient = load(g + i);
      dx.put(i, gradient);
      dgate.put(i, gradient * load(y + i));
      dy.put(i, gradient * load(p.gate.data + i));
    });
  });
}

template <class Function>
inline void unary(const Unary& p, Function f) {
  over_tokens(p.out.T, [&](int64_t t) {
    const float* x = row(p.x, t);
    float* out = row(p.out, t);
    over_vectors(p.out.F, [&](int64_t i) { store(out + i, f(load(x + i))); });
  });
}

template <class Slope>
inline void unary_backward(const UnaryBackward& p, Slope slope) {
  over_tokens(p.out_gradient.T, [&](int64_t t) {
    const float *x = row(p.x, t), *g = row(p.out_gradient, t);
    const GradientRow dx(p.x_gradient, t);
    over_vectors(p.out_gradient.F, [&](int64_t i) { dx.put(i, load(g + i) * slope(load(x + i))); });
  });
}

void gelu_kernel(const Unary& p) {
  unary(p, [](Vec x) { return gelu(x); });
}
void gelu_backward_kernel(const UnaryBackward& p) {
  unary_backward(p, [](Vec x) { return gelu_slope(x); });
}
void silu_kernel(const Unary& p) {
  unary(p, [](Vec x) { return silu(x); });
}
void silu_backward_kernel(const UnaryBackward& p) {
  unary_backward(p, [](Vec x) { return silu_slope(x); });
}

void sinusoid_kernel(const Sinusoid& p) {
  const int64_t K = p.frequency.F;
  over_tokens(p.out.T, [&](int64_t t) {
    const float* times = row(p.t, t);
    float* out = row(p.out, t);
    over_lanes([&](int64_t lane) {
      const Vec time = load(times + lane) * p.factor;
      for (int64_t k = 0; k < K; ++k) {
        const Turn at = turn(time * load(p.frequency.data + k * lanes + lane));
        if (k < p.out.F) store(out + k * lanes + lane, at.cosine);
        if (K + k < p.out.F) store(out + (K + k) * lanes + lane, at.sine);
      }
    });
  });
}

void sinusoid_backward_kernel(const SinusoidBackward& p) {
  const int64_t K = p.frequency.F, F = p.out_gradient.F;
  over_tokens(p.out_gradient.T, [&](int64_t t) {
    const float *times = row(p.t, t), *g = row(p.out_gradient, t);
    const GradientRow dt(p.t_gradient, t), dfrequency(p.frequency_gradient, t);
    over_lanes([&](int64_t lane) {
      const Vec time = load(times + lane) * p.factor;
      Vec along{};
      for (int64_t k = 0; k < K; ++k) {
        const int64_t i = k * lanes + lane;
        const Vec frequency = load(p.frequency.data + i);
        const Turn at = turn(time * frequency);
        Vec to_angle{};
        if (k < F) to_angle -= load(g + i) * at.sine;
        if (K + k < F) to_angle += load(g + i + K * lanes) * at.cosine;
        along += to_angle * frequency;
        dfrequency.put(i, to_angle * time);
      }
      dt.put(lane, along * p.factor);
    });
  });
}

}  // namespace

}  // namespace fluxsbi::engine::tile
