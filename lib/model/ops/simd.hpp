// One vector register of floats for the instruction set that the including file is compiled for.
//
// Included by kernels_*.cpp only. Those files are compiled for processors that the program may not run on, so
// nothing here or in them may be an inline function with a name that other files share: the linker would keep
// one copy for all. Hence the unnamed namespace and no header of the standard library but <cstdint>.
#pragma once

#include <cstdint>

#include "model/ops/kernels.hpp"

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace {

#if defined(__AVX512F__)
constexpr int64_t width = 16;
#elif defined(__AVX2__)
constexpr int64_t width = 8;
#else
constexpr int64_t width = 4;
#endif

using Vec = float __attribute__((vector_size(width * sizeof(float))));
using IntVec = int32_t __attribute__((vector_size(width * sizeof(int32_t))));

inline Vec load(const float* from) {
  Vec x;
  __builtin_memcpy(&x, from, sizeof x);
  return x;
}
inline void store(float* to, Vec x) {
  __builtin_memcpy(to, &x, sizeof x);
}
inline Vec all(float x) {
  return Vec{} + x;
}

// The first n < width numbers; the other lanes are 0 and not touched in memory.
#if defined(__AVX512F__)
inline Vec load(const float* from, int64_t n) {
  return Vec(_mm512_maskz_loadu_ps(static_cast<__mmask16>((1U << n) - 1), from));
}
inline void store(float* to, Vec x, int64_t n) {
  _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1U << n) - 1), __m512(x));
}
inline float sum(Vec x) {
  return _mm512_reduce_add_ps(__m512(x));
}
#elif defined(__AVX2__)
inline __m256i first(int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline Vec load(const float* from, int64_t n) {
  return Vec(_mm256_maskload_ps(from, first(n)));
}
inline void store(float* to, Vec x, int64_t n) {
  _mm256_maskstore_ps(to, first(n), __m256(x));
}
inline float sum(Vec x) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(__m256(x)), _mm256_extractf128_ps(__m256(x), 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
#else
inline Vec load(const float* from, int64_t n) {
  Vec x{};
  for (int64_t i = 0; i < n; ++i) x[i] = from[i];
  return x;
}
inline void store(float* to, Vec x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] = x[i];
}
inline float sum(Vec x) {
  return (x[0] + x[2]) + (x[1] + x[3]);
}
#endif

// A piece of a row: a whole vector at offset i, or the n numbers that remain there.
struct Whole {
  int64_t i;
  Vec read(const float* row) const { return load(row + i); }
  void write(float* row, Vec x) const { store(row + i, x); }
  Vec valid(Vec x) const { return x; }
};
struct Remainder {
  int64_t i, n;
  Vec read(const float* row) const { return load(row + i, n); }
  void write(float* row, Vec x) const { store(row + i, x, n); }
  Vec valid(Vec x) const {  // 0 in the lanes beyond the row
    float kept[width] = {};
    store(kept, x, n);
    return load(kept);
  }
};

template <class Body>
inline void over_row(int64_t F, Body body) {
  int64_t i = 0;
  for (; i + width <= F; i += width) body(Whole{i});
  if (i < F) body(Remainder{i, F - i});
}

template <class Number>
inline Number* row(const fluxsbi::model::ops::Rows<Number>& rows, int64_t t, int64_t b) {
  return rows.data + t * rows.token + b * rows.sample;
}

// The second one where one of them is NaN.
inline Vec larger(Vec a, Vec b) {
#if defined(__AVX512F__)
  return Vec(_mm512_max_ps(__m512(a), __m512(b)));
#else
  return a > b ? a : b;
#endif
}
inline Vec smaller(Vec a, Vec b) {
#if defined(__AVX512F__)
  return Vec(_mm512_min_ps(__m512(a), __m512(b)));
#else
  return a < b ? a : b;
#endif
}
inline float square_root(float x) {
  return __builtin_sqrtf(x);
}
inline Vec square_root(Vec x) {
#if defined(__AVX512F__)
  return Vec(_mm512_sqrt_ps(__m512(x)));
#elif defined(__AVX2__)
  return Vec(_mm256_sqrt_ps(__m256(x)));
#else
  for (int64_t i = 0; i < width; ++i) x[i] = __builtin_sqrtf(x[i]);
  return x;
#endif
}

inline Vec power_of_two(IntVec exponent) {
  return Vec((exponent + 127) << 23);
}

// e^x = 2^n e^r with n = round(x / ln 2), |r| <= ln(2) / 2; e^r by its Taylor series up to r^7, which is off
// by less than 0.3466^8 / 8! = 5.2e-9. 2^n in two factors, so that results below the normal range and
// overflow come out right. NaN stays NaN: a comparison with it is false.
inline Vec exponential(Vec x) {
  constexpr float log2_e = 1.44269504088896341F;
  constexpr float ln2_high = 0.693359375F, ln2_low = -2.12194440e-4F;  // n ln2_high is exact
  constexpr float round = 12582912.0F;  // 1.5 2^23: adding it rounds to whole numbers
  x = x > 89.0F ? all(89.0F) : x;
  x = x < -104.0F ? all(-104.0F) : x;
  const Vec shifted = x * log2_e + round;
  const Vec n = shifted - round;
  const Vec r = (x - n * ln2_high) - n * ln2_low;
  Vec y = all(1.0F / 5040);
  y = y * r + 1.0F / 720;
  y = y * r + 1.0F / 120;
  y = y * r + 1.0F / 24;
  y = y * r + 1.0F / 6;
  y = y * r + 0.5F;
  y = y * r + 1.0F;
  y = y * r + 1.0F;
  const IntVec exponent = IntVec(shifted) - IntVec(all(round));
  const IntVec half = exponent >> 1;
  return y * power_of_two(half) * power_of_two(exponent - half);
}

}  // namespace
