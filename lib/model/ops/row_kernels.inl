// Kernels over rows of features; part of kernels_*.cpp, see simd.hpp for the rules.
#pragma once

#include "model/ops/kernels.hpp"
#include "model/ops/simd.hpp"

namespace fluxsbi::model::ops {

namespace {

void exp_kernel(const float* x, float* out, int64_t n) {
  over_row(n, [&](auto part) { part.write(out, exponential(part.read(x))); });
}

// f(t, b) for all rows of the samples [begin, end).
template <class Body>
inline void over_rows(int64_t T, int64_t begin, int64_t end, Body body) {
  for (int64_t b = begin; b < end; ++b) {
    for (int64_t t = 0; t < T; ++t) body(t, b);
  }
}

inline void norm_row(const NormForward& p, int64_t t, int64_t b) {
  const float *x = row(p.x, t, b), *shift = row(p.shift, t, b), *scale = row(p.scale, t, b);
  float* out = row(p.out, t, b);
  const auto count = static_cast<float>(p.F);
  Vec total{};
  over_row(p.F, [&](auto part) { total += part.read(x); });
  const float mean = sum(total) / count;
  Vec squares{};
  over_row(p.F, [&](auto part) {
    const Vec centred = part.valid(part.read(x) - mean);
    squares += centred * centred;
  });
  const float factor = 1 / square_root(sum(squares) / count + p.eps);
  over_row(p.F, [&](auto part) {
    part.write(out, (part.read(scale) + 1) * ((part.read(x) - mean) * factor) + part.read(shift));
  });
  if (p.statistics.data) {
    float* statistics = row(p.statistics, t, b);
    statistics[0] = mean;
    statistics[1] = factor;
  }
}

void norm_kernel(const NormForward& p, int64_t begin, int64_t end) {
  over_rows(p.T, begin, end, [&](int64_t t, int64_t b) { norm_row(p, t, b); });
}

// With n = (x - mean) factor and h = (1 + scale) g:  dx = factor (h - mean(h) - n mean(h n)).
inline void norm_backward_row(const NormBackward& p, int64_t t, int64_t b) {
  const float *x = row(p.x, t, b), *scale = row(p.scale, t, b), *g = row(p.out_gradient, t, b);
  float *dx = row(p.x_gradient, t, b), *dshift = row(p.shift_gradient, t, b),
        *dscale = row(p.scale_gradient, t, b);
  const float mean = row(p.statistics, t, b)[0], factor = row(p.statistics, t, b)[1];
  Vec sum_h{}, sum_hn{};
  over_row(p.F, [&](auto part) {
    const Vec gradient = part.read(g), normed = (part.read(x) - mean) * factor;
    const Vec h = (part.read(scale) + 1) * gradient;
    sum_h += h;  // lanes beyond the row have a gradient of 0
    sum_hn += h * normed;
    const Vec to_scale = gradient * normed;
    part.write(dshift, t == 0 ? gradient : part.read(dshift) + gradient);
    part.write(dscale, t == 0 ? to_scale : part.read(dscale) + to_scale);
  });
  const auto count = static_cast<float>(p.F);
  const float mean_h = sum(sum_h) / count, mean_hn = sum(sum_hn) / count;
  over_row(p.F, [&](auto part) {
    const Vec normed = (part.read(x) - mean) * factor;
    const Vec h = (part.read(scale) + 1) * part.read(g);
    part.write(dx, factor * (h - mean_h - normed * mean_hn));
  });
}

void norm_backward_kernel(const NormBackward& p, int64_t begin, int64_t end) {
  over_rows(p.T, begin, end, [&](int64_t t, int64_t b) { norm_backward_row(p, t, b); });
}

void gate_kernel(const GateForward& p, int64_t begin, int64_t end) {
  over_rows(p.T, begin, end, [&](int64_t t, int64_t b) {
    const float *x = row(p.x, t, b), *gate = row(p.gate, t, b), *y = row(p.y, t, b);
    float* out = row(p.out, t, b);
    over_row(p.F, [&](auto part) { part.write(out, part.read(x) + part.read(gate) * part.read(y)); });
  });
}

void gate_backward_kernel(const GateBackward& p, int64_t begin, int64_t end) {
  over_rows(p.T, begin, end, [&](int64_t t, int64_t b) {
    const float *gate = row(p.gate, t, b), *y = row(p.y, t, b), *g = row(p.out_gradient, t, b);
    float *dgate = row(p.gate_gradient, t, b), *dy = row(p.y_gradient, t, b);
    over_row(p.F, [&](auto part) {
      const Vec gradient = part.read(g), to_gate = gradient * part.read(y);
      part.write(dgate, t == 0 ? to_gate : part.read(dgate) + to_gate);
      part.write(dy, gradient * part.read(gate));
    });
  });
}

// gelu(x) = x s with s = sigmoid(2 u) = 1 / (1 + e^(-2 u)), which loses no digits where 1 + tanh(u) would.
constexpr float gelu_factor = 2 * 0.79788456080286536F;  // 2 sqrt(2 / pi)
constexpr float gelu_cubic = 0.044715F;

// e^(-2 u), kept finite: beyond e^80 the result is 0 or x in any case.
inline Vec gelu_exponential(Vec x, Vec square) {
  const Vec argument = x * (square * (-gelu_factor * gelu_cubic) - gelu_factor);
  return exponential(argument > 80.0F ? all(80.0F) : argument);
}

void gelu_kernel(const GeluForward& p, int64_t begin, int64_t end) {
  over_rows(p.T, begin, end, [&](int64_t t, int64_t b) {
    const float* x = row(p.x, t, b);
    float* out = row(p.out, t, b);
    over_row(p.F, [&](auto part) {
      const Vec v = part.read(x);
      part.write(out, v / (gelu_exponential(v, v * v) + 1));
    });
  });
}

// d gelu / dx = s + x s (1 - s) 2 u', 1 - s = s e^(-2 u), 2 u' = 2 sqrt(2 / pi) (1 + 3 0.044715 x^2). Beyond
// |x| = 20 it is 0 or 1, which the formula would miss where x^3 outgrows what is left of 1 - s.
void gelu_backward_kernel(const GeluBackward& p, int64_t begin, int64_t end) {
  over_rows(p.T, begin, end, [&](int64_t t, int64_t b) {
    const float *x = row(p.x, t, b), *g = row(p.out_gradient, t, b);
    float* dx = row(p.x_gradient, t, b);
    over_row(p.F, [&](auto part) {
      Vec v = part.read(x);
      v = v > 20.0F ? all(20.0F) : v;
      v = v < -20.0F ? all(-20.0F) : v;
      const Vec square = v * v;
      const Vec e = gelu_exponential(v, square);
      const Vec s = 1 / (e + 1);
      const Vec slope = square * (3 * gelu_factor * gelu_cubic) + gelu_factor;
      part.write(dx, part.read(g) * (s + v * (s * e) * s * slope));
    });
  });
}

}  // namespace

}  // namespace fluxsbi::model::ops
