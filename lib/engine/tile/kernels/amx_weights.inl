// Weights into tiles, as products take them; part of kernels_amx.cpp.
#pragma once

#include "engine/tile/kernels/amx_tiles.inl"

namespace fluxsbi::engine::tile {

namespace {

// Sixteen numbers from `from` on, of which `count` exist; the others are 0.
[[gnu::always_inline]] inline __m512 numbers_or_zero(const float* from, int64_t count) {
  if (count >= 16) return _mm512_loadu_ps(from);
  return _mm512_maskz_loadu_ps(count <= 0 ? __mmask16{0} : static_cast<__mmask16>((1U << count) - 1), from);
}

// Up to 16 rows of first factors, pairs in a row, as they grow: then each is cut into tiles.
template <int parts>
struct WeightRows {
  Depth<parts> depth;
  uint32_t* rows;  // [16][tiles * 16]

  // Pairs [pair, pair + 16) of row i; those beyond its end are 0.
  void put(int64_t i, int64_t pair, const Pairs<parts>& pairs) const {
    uint32_t* row = rows + i * depth.tiles() * 16;
    if (const int64_t step = pair / 16; step < depth.steps()) {
      repeat<parts>([&]<int p>() { _mm512_store_si512(row + (step * parts + p) * 16, pairs.part[p]); });
    } else if constexpr (parts == 2) {
      row += depth.full * parts * 16;
      const auto mask = static_cast<__mmask16>((1U << depth.rest_pairs) - 1);
      _mm512_mask_storeu_epi32(row, mask, pairs.part[0]);
      _mm512_mask_storeu_epi32(row + depth.rest_pairs, mask, pairs.part[1]);
      _mm512_mask_storeu_epi32(row + 2 * depth.rest_pairs, mask, pairs.part[0]);
    }
  }

  void clear() const {
    for (int64_t i = 0; i < 16 * depth.tiles(); ++i)
      _mm512_store_si512(rows + i * 16, _mm512_setzero_si512());
  }

  // to [tiles][16][16] pairs
  void cut(uint16_t* to) const {
    for (int64_t tile = 0; tile < depth.tiles(); ++tile)
      for (int64_t i = 0; i < 16; ++i, to += tile_depth)
        _mm512_store_si512(to, _mm512_load_si512(rows + (i * depth.tiles() + tile) * 16));
  }
};

template <int parts>
void pack_tiles_kernel(const WeightTiles& job) {
  // numbers 0 2 4 ... 30 and 1 3 5 ... 31 of 32 in a row
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
  auto* to = reinterpret_cast<uint16_t*>(job.tiles);
  const WeightRows<parts> rows{Depth<parts>(job.columns), reinterpret_cast<uint32_t*>(job.scratch)};
  for (int64_t r = 0; r < job.rows; r += 16, to += rows.depth.tiles() * tile_numbers) {
    rows.clear();
    for (int64_t i = 0; i < 16 && r + i < job.rows; ++i) {
      const float* row = job.W + (r + i) * job.columns;
      for (int64_t c = 0; c < job.columns; c += tile_depth) {
        const __m512 low = numbers_or_zero(row + c, job.columns - c),
                     high = numbers_or_zero(row + c + 16, job.columns - c - 16);
        rows.put(
            i, c / 2,
            pairs_of<parts>(_mm512_permutex2var_ps(low, even, high), _mm512_permutex2var_ps(low, odd, high)));
      }
    }
    rows.cut(to);
  }
}

// 16 rows of the transpose are 16 columns of W, a pair of its numbers two rows: turned over pair by pair.
template <int parts>
void pack_transposed_tiles_kernel(const WeightTiles& job) {
  auto* to = reinterpret_cast<uint16_t*>(job.tiles);
  const WeightRows<parts> rows{Depth<parts>(job.rows), reinterpret_cast<uint32_t*>(job.scratch)};
  for (int64_t c = 0; c < job.columns; c += 16, to += rows.depth.tiles() * tile_numbers) {
    rows.clear();
    for (int64_t r = 0; r < job.rows; r += tile_depth) {
      __m512i turned[parts][16];
      for (int64_t pair = 0; pair < 16; ++pair) {
        const auto row = [&](int64_t of) {
          return numbers_or_zero(job.W + of * job.columns + c, of < job.rows ? job.columns - c : 0);
        };
        const auto both = pairs_of<parts>(row(r + 2 * pair), row(r + 2 * pair + 1));
        repeat<parts>([&]<int p>() { turned[p][pair] = both.part[p]; });
      }
      repeat<parts>([&]<int p>() { transpose(turned[p]); });
      for (int64_t i = 0; i < 16; ++i) {
        Pairs<parts> pairs;
        repeat<parts>([&]<int p>() { pairs.part[p] = turned[p][i]; });
        rows.put(i, r / 2, pairs);
      }
    }
    rows.cut(to);
  }
}

}  // namespace

}  // namespace fluxsbi::engine::tile
