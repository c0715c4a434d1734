// One vector register of floats for the instruction set that the including file is compiled for.
//
// Included by kernels_*.cpp only. Those files are compiled for processors that the program may not run on, so
// nothing here or in them may be an inline function with a name that other files share: the linker would keep
// one copy for all. Hence the unnamed namespace and no header of the standard library but <cstdint>.
#pragma once

#include <cstdint>

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace fluxsbi::engine::tile {

namespace {

#if defined(__AVX512F__)
constexpr int64_t width = 16;
#elif defined(__AVX2__)
constexpr int64_t width = 8;
#else
constexpr int64_t width = 4;
#endif

using Vec = float __attribute__((vector_size(width * sizeof(float))));

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

#if defined(__AVX512F__)
inline float sum(Vec x) {
  return _mm512_reduce_add_ps(__m512(x));
}
#elif defined(__AVX2__)
inline float sum(Vec x) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(__m256(x)), _mm256_extractf128_ps(__m256(x), 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
#else
inline float sum(Vec x) {
  return (x[0] + x[2]) + (x[1] + x[3]);
}
#endif

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

}  // namespace

}  // namespace fluxsbi::engine::tile
