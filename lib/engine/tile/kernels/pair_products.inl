// Products of bfloat16 numbers by AVX512-BF16; part of kernels_avx512bf16.cpp.
//
// Its instruction multiplies two pairs in each of 16 lanes and adds both products to a float32 number: a lane
// does twice the work of a float32 one. The loops are those of float32, over factors that scratch memory
// holds as pairs: a "number" of theirs is then a pair, 32 bits.
#pragma once

#include "engine/tile/kernels/pairs.inl"
#include "engine/tile/kernels/weight_gradient.inl"

namespace fluxsbi::engine::tile {

namespace {

// sum + x weight of pairs.
struct MultiplyPairs {
  static constexpr int64_t cell_steps = lanes / 2;

  // Spread as an integer: Zen 4 spreads a float32 number by the unit that multiplies.
  static Vec add(Vec sum, Vec x, float weight) {
    const __m512i all = _mm512_set1_epi32(__builtin_bit_cast(int, weight));
    return Vec(_mm512_dpbf16_ps(__m512(sum), __m512bh(__m512(x)), __m512bh(all)));
  }
};

constexpr int64_t pairs_in(int64_t numbers) {
  return (numbers + 1) / 2;
}

// One after the other: 32 numbers, `low` first.
inline __m512i rounded(__m512 low, __m512 high) {
  return __m512i(_mm512_cvtne2ps_pbh(high, low));
}

// Features in pairs, each a cell.
inline void paired_product_kernel(const Product& job) {
  const int64_t F = job.x.F, pairs = pairs_in(F), own_tokens = job.x.token ? job.x.T : 1;
  float* to = job.scratch;
  for (int64_t t = 0; t < own_tokens; ++t) {
    const float* from = job.x.at(t, 0);
    for (int64_t f = 0; f + 2 <= F; f += 2, from += 2 * lanes, to += lanes)
      _mm512_store_si512(to, pairs_of<1>(_mm512_load_ps(from), _mm512_load_ps(from + lanes)).part[0]);
    if (F % 2) {
      _mm512_store_si512(to, pairs_of<1>(_mm512_load_ps(from), _mm512_setzero_ps()).part[0]);
      to += lanes;
    }
  }
  const In x = {job.scratch, job.x.T, pairs, job.x.token ? pairs * lanes : 0};
  product_of<MultiplyPairs>({x, job.weights, job.bias, job.out, nullptr});
}

// Samples of a cell in pairs, half a cell: [T][F][8 pairs] as they are, or one token that serves all.
inline In pair_samples(const In& rows, float* to) {
  const In pairs = {to, rows.T, rows.F, rows.token ? rows.F * lanes / 2 : 0};
  const int64_t own_tokens = rows.token ? rows.T : 1;
  for (int64_t t = 0; t < own_tokens; ++t) {
    const float* from = rows.at(t, 0);
    int64_t f = 0;
    for (; f + 2 <= rows.F; f += 2, from += 2 * lanes, to += lanes)
      _mm512_storeu_si512(to, rounded(_mm512_load_ps(from), _mm512_load_ps(from + lanes)));
    if (f < rows.F) {
      _mm256_store_si256(reinterpret_cast<__m256i*>(to), __m256i(_mm512_cvtneps_pbh(_mm512_load_ps(from))));
      to += lanes / 2;
    }
  }
  return pairs;
}

// Sixteen columns from c on, as to[t 8 + pair][row] for all tokens: two tokens fill a matrix of 16 x 16
// pairs.
inline void turn_columns(const In& columns, int64_t T, int64_t c, int64_t row, float* to) {
  const int64_t filled = columns.F - c < lanes ? columns.F - c : lanes;
  for (int64_t t = 0; t < T; t += 2) {
    const bool both = t + 1 < T;
    const float *first = columns.at(t, c), *second = both ? columns.at(t + 1, c) : nullptr;
    __m512i x[lanes];
    for (int64_t i = 0; i < lanes; ++i) {
      if (i >= filled) {
        x[i] = _mm512_setzero_si512();
      } else {
        x[i] = rounded(_mm512_load_ps(first + i * lanes),
                       both ? _mm512_load_ps(second + i * lanes) : _mm512_setzero_ps());
      }
    }
    transpose(x);
    const int64_t steps = both ? lanes : lanes / 2;
    for (int64_t s = 0; s < steps; ++s, to += row) _mm512_store_si512(to, x[s]);
  }
}

inline void paired_weight_gradient_kernel(const WeightGradient& job) {
  const int64_t T = tokens(job);
  over_groups(column_vectors(job), [&]<int n>(int64_t vector) {
    float* to = job.scratch + vector * width * T * MultiplyPairs::cell_steps;
    for (int64_t i = 0; i < n; ++i)
      turn_columns(job.columns, T, (vector + i) * width, n * width, to + i * width);
  });
  float* rows = job.scratch + column_vectors(job) * width * T * MultiplyPairs::cell_steps;
  gradient_of<MultiplyPairs>(
      {pair_samples(job.rows, rows), job.columns, job.gradient, job.adds, job.scratch});
}

// A pair of rows of a panel is a vector, of which half remains. In its place: what is written was read.
void pair_panels_kernel(const PanelsToPair& job) {
  static_assert(2 * panel == lanes);
  const float* from = job.panels;
  float* to = job.panels;
  const auto put = [&](__m512 both_rows) {
    const __m512 low = both_rows, high = __m512(_mm512_shuffle_f32x4(both_rows, both_rows, 0xee));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                        _mm512_castsi512_si256(pairs_of<1>(low, high).part[0]));
    to += panel;
  };
  for (int64_t p = 0; p < job.count; ++p) {
    for (int64_t i = 0; i + 2 <= job.F_in; i += 2, from += 2 * panel) put(_mm512_loadu_ps(from));
    if (job.F_in % 2) {
      put(_mm512_maskz_loadu_ps(__mmask16{0xff}, from));
      from += panel;
    }
  }
}

}  // namespace

}  // namespace fluxsbi::engine::tile
