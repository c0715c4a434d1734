// Functions of a vector; part of kernels_*.cpp, see simd.hpp for the rules. The errors are those that
// tests/tile/test_functions.cpp holds them to.
#pragma once

#include "engine/tile/kernels/simd.hpp"

namespace fluxsbi::engine::tile {

namespace {

inline Vec at_most(Vec x, float bound) {  // NaN stays NaN
  return smaller(all(bound), x);
}
inline Vec at_least(Vec x, float bound) {
  return larger(all(bound), x);
}

using Bits = uint32_t __attribute__((vector_size(sizeof(Vec))));

// e^x = 2^n e^r for |x| <= 87.33, n = round(x / ln 2), |r| <= ln(2) / 2; e^r by the polynomial 1 + r + r^2
// P(r) of the least greatest relative error (Remez), 3.7e-9. Off by at most 2.2e-7 e^x. NaN stays NaN;
// whatever lies beyond the range gives any number.
inline Vec exponential_within_range(Vec x) {
  constexpr float log2_e = 1.44269504088896341F;
  constexpr float ln2_high = 0.693359375F, ln2_low = -2.12194440e-4F;  // n ln2_high is exact
  constexpr float round = 12582912.0F;  // 1.5 2^23: adding it rounds to whole numbers
  const Vec shifted = x * log2_e + round;
  const Vec n = shifted - round;
  const Vec r = (x - n * ln2_high) - n * ln2_low;
  Vec y = r * 1.38145604e-3F + 8.3687352e-3F;
  y = y * r + 4.1668389e-2F;
  y = y * r + 0.166665211F;
  y = y * r + 0.49999994F;
  y = y * r + 1.0F;
  y = y * r + 1.0F;
  const Bits power_of_two = (Bits(shifted) + 127) << 23;  // n stands in the last bits
  return y * Vec(power_of_two);
}

// e^x for x <= 0, which is 0 from -87 down. Off by at most 2.2e-7 e^x, or 1.7e-38.
inline Vec exponential_below_zero(Vec x) {
  const Vec y = exponential_within_range(x);
  return x < -87.0F ? Vec{} : y;
}

// gelu(x) = x s, s = sigmoid(2 u) = 1 / (1 + e^(-2 u)), which loses no digits where 1 + tanh(u) would;
// 2 u = 2 sqrt(2 / pi) (x + 0.044715 x^3) is 87.31 at x = 10, where s is 0 or 1.
constexpr float gelu_linear = 2 * 0.79788456080286536F;
constexpr float gelu_cubic = gelu_linear * 0.044715F;

// e^(-2 u), |x| <= 10
inline Vec gelu_exponential(Vec x, Vec square) {
  return exponential_within_range(x * (square * -gelu_cubic - gelu_linear));
}

// Off by at most 1.5e-7 of itself or of 1, whichever is greater; 2.5e-7 of itself for |x| <= 1.
inline Vec gelu(Vec x) {
  x = at_least(x, -10.0F);
  const Vec bounded = at_most(x, 10.0F);
  return x / (gelu_exponential(bounded, bounded * bounded) + 1);
}

// s + x s (1 - s) 2 u' with 1 - s = s e^(-2 u). Off by at most 2.5e-7.
inline Vec gelu_slope(Vec x) {
  x = at_least(at_most(x, 10.0F), -10.0F);
  const Vec square = x * x;
  const Vec e = gelu_exponential(x, square);
  const Vec s = 1 / (e + 1);
  return s + x * (s * e) * s * (square * (3 * gelu_cubic) + gelu_linear);
}

// silu(x) = x s, s = 1 / (1 + e^-x). Off by at most 2.2e-7 of itself, or 2e-36.
inline Vec silu(Vec x) {
  x = at_least(x, -87.0F);
  return x / (exponential_within_range(-at_most(x, 87.0F)) + 1);
}

// s (1 + x (1 - s)) with 1 - s = s e^-x. Off by at most 2.5e-7.
inline Vec silu_slope(Vec x) {
  x = at_least(at_most(x, 87.0F), -87.0F);
  const Vec e = exponential_within_range(-x);
  const Vec s = 1 / (e + 1);
  return s * (x * (s * e) + 1);
}

struct Turn {
  Vec cosine, sine;
};

// x = n pi / 2 + r, |r| <= pi / 4, by pi / 2 in three parts (Cody and Waite): the products of n < 2^13 with
// the first two, of 8 and 11 bits, are exact. Polynomials of r as in Cephes (Moshier), sinf and cosf.
inline Turn turn_within_range(Vec x) {
  constexpr float two_over_pi = 0.636619772367581343F;
  constexpr float high = 1.5703125F, middle = 4.837512969970703125e-4F, low = 7.54978995489188216e-8F;
  constexpr float round = 12582912.0F;  // 1.5 2^23: adding it rounds to whole numbers
  const Vec shifted = x * two_over_pi + round;
  const Vec n = shifted - round;
  const Vec r = ((x - n * high) - n * middle) - n * low;
  const Vec z = r * r;
  const Vec sine = ((z * -1.9515295891e-4F + 8.3321608736e-3F) * z - 1.6666654611e-1F) * z * r + r;
  const Vec cosine =
      ((z * 2.443315711809948e-5F - 1.388731625493765e-3F) * z + 4.166664568298827e-2F) * z * z - z * 0.5F +
      1.0F;
  const auto quarter = Bits(shifted);  // the last bits of n
  const auto odd = (quarter & 1) != 0;
  const Bits sine_sign = (quarter & 2) << 30, cosine_sign = ((quarter + 1) & 2) << 30;
  return {Vec(Bits(odd ? sine : cosine) ^ cosine_sign), Vec(Bits(odd ? cosine : sine) ^ sine_sign)};
}

// Cosine and sine, off by at most 9e-8. Lanes beyond the range of the reduction, NaN and infinity among them,
// go to libm.
inline Turn turn(Vec x) {
  constexpr float range = 12000.0F;
  Turn y = turn_within_range(x);
  const Vec beyond = x <= range && x >= -range ? Vec{} : all(1.0F);
  if (sum(beyond) == 0.0F) return y;
  for (int64_t i = 0; i < width; ++i) {
    if (beyond[i] == 0.0F) continue;
    y.cosine[i] = __builtin_cosf(x[i]);
    y.sine[i] = __builtin_sinf(x[i]);
  }
  return y;
}

}  // namespace

}  // namespace fluxsbi::engine::tile
