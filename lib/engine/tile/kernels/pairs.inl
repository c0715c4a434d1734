// Pairs of bfloat16 numbers, as processors multiply them; part of kernels_amx.cpp and kernels_avx512bf16.cpp.
#pragma once

#include <cstdint>

#include <immintrin.h>

namespace fluxsbi::engine::tile {

namespace {

// Pairs of bfloat16 numbers, one a lane: the lower half is of the first number, the upper half of the second.
// Two parts: the upper 16 bits of the numbers as they are, and what these leave, rounded.
template <int parts>
struct Pairs {
  __m512i part[parts];
};

[[gnu::always_inline]] inline __m512i upper_halves(__m512i first, __m512i second) {
  constexpr int second_where_mask = 0xca;  // mask ? b : c
  return _mm512_ternarylogic_epi32(_mm512_set1_epi32(static_cast<int>(0xffff0000U)), second,
                                   _mm512_srli_epi32(first, 16), second_where_mask);
}

template <int parts>
[[gnu::always_inline]] inline Pairs<parts> pairs_of(__m512 first, __m512 second) {
  if constexpr (parts == 1) {
    alignas(64) static constexpr uint16_t in_turns[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                          21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                          11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    const auto rounded = __m512i(_mm512_cvtne2ps_pbh(second, first));
    return {{_mm512_permutexvar_epi16(_mm512_load_si512(in_turns), rounded)}};
  } else {
    const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xffff0000U)), half = _mm512_set1_epi32(0x8000);
    const auto rest = [&](__m512 x) {
      const __m512 left = _mm512_sub_ps(x, __m512(_mm512_and_si512(__m512i(x), upper)));
      return _mm512_add_epi32(__m512i(left), half);
    };
    return {{upper_halves(__m512i(first), __m512i(second)), upper_halves(rest(first), rest(second))}};
  }
}

// rows[c] -> rows'[s]: a matrix of 16 x 16 numbers of 32 bits turned over.
[[gnu::always_inline]] inline void transpose(__m512i (&x)[16]) {
  __m512i y[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    y[i] = _mm512_unpacklo_epi32(x[i], x[i + 1]);
    y[i + 1] = _mm512_unpackhi_epi32(x[i], x[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    x[i] = _mm512_unpacklo_epi64(y[i], y[i + 2]);
    x[i + 1] = _mm512_unpackhi_epi64(y[i], y[i + 2]);
    x[i + 2] = _mm512_unpacklo_epi64(y[i + 1], y[i + 3]);
    x[i + 3] = _mm512_unpackhi_epi64(y[i + 1], y[i + 3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    y[i] = _mm512_shuffle_i32x4(x[i], x[i + 4], 0x88);
    y[i + 4] = _mm512_shuffle_i32x4(x[i], x[i + 4], 0xdd);
    y[i + 8] = _mm512_shuffle_i32x4(x[i + 8], x[i + 12], 0x88);
    y[i + 12] = _mm512_shuffle_i32x4(x[i + 8], x[i + 12], 0xdd);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    x[i] = _mm512_shuffle_i32x4(y[i], y[i + 8], 0x88);
    x[i + 8] = _mm512_shuffle_i32x4(y[i], y[i + 8], 0xdd);
    x[i + 4] = _mm512_shuffle_i32x4(y[i + 4], y[i + 12], 0x88);
    x[i + 12] = _mm512_shuffle_i32x4(y[i + 4], y[i + 12], 0xdd);
  }
}

}  // namespace

}  // namespace fluxsbi::engine::tile
