// The matrix tiles of AMX, and factors as they take them; part of kernels_amx.cpp.
//
// An instruction multiplies a matrix [16][32] by one [32][16] and adds the product to a matrix of float32
// numbers. The 16 columns are the samples of a tile, so that a row of the result is a cell. Of the second
// matrix two rows stand side by side: a pair of features of each sample.
#pragma once

#include <cstdint>

#include <immintrin.h>

#include "engine/tile/kernels.hpp"
#include "engine/tile/kernels/pairs.inl"

namespace fluxsbi::engine::tile {

namespace {

constexpr int64_t tile_numbers = tile_rows * tile_depth;  // of bfloat16

// body.operator()<0>() ... <n - 1>()
template <int n, class Body>
[[gnu::always_inline]] inline void repeat(const Body& body) {
  if constexpr (n > 0) {
    repeat<n - 1>(body);
    body.template operator()<n - 1>();
  }
}

// body.operator()<i, j>() for all sums of a block
template <int rows, int columns, class Body>
[[gnu::always_inline]] inline void over_sums(const Body& body) {
  repeat<rows>([&]<int i>() { repeat<columns>([&]<int j>() { body.template operator()<i, j>(); }); });
}

template <int tile>
[[gnu::always_inline]] inline void tile_load(const void* from, int64_t row_bytes) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(row_bytes), "i"(tile) : "memory");
}
template <int tile>
[[gnu::always_inline]] inline void tile_store(void* to, int64_t row_bytes) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(row_bytes), "i"(tile) : "memory");
}
template <int tile>
[[gnu::always_inline]] inline void tile_clear() {
  asm volatile("tilezero %%tmm%c0" ::"i"(tile));
}
// c += a b
template <int c, int a, int b>
[[gnu::always_inline]] inline void tile_multiply() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(c), "i"(a), "i"(b));
}

// Tiles 0 to 5 have so many rows, for results and first factors; 6 and 7 hold second factors.
class TilesInUse {
 public:
  explicit TilesInUse(int64_t rows) { set_rows(rows); }
  TilesInUse(const TilesInUse&) = delete;
  TilesInUse& operator=(const TilesInUse&) = delete;
  // Idle tiles cost each change of threads 8 KB of memory traffic.
  ~TilesInUse() { asm volatile("tilerelease"); }

  static void set_rows(int64_t rows) {
    struct {
      uint8_t palette = 1, start_row = 0, reserved[14] = {};
      uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {0, 0, 0, 0, 0, 0, 16, 16};
    } config;
    for (int tile = 0; tile < 6; ++tile) config.rows[tile] = static_cast<uint8_t>(rows);
    asm volatile("ldtilecfg %0" ::"m"(config));
  }
};

// Parts one tile after the other.
template <int parts>
[[gnu::always_inline]] inline void store_pairs(uint16_t* to, const Pairs<parts>& pairs) {
  repeat<parts>([&]<int p>() { _mm512_store_si512(to + p * tile_numbers, pairs.part[p]); });
}

// The tiles in which the F features of a factor stand, as kernels.hpp says of weights. A rest that is side by
// side has, of second factors x, its upper parts, these again, and the lower ones.
template <int parts>
struct Depth {
  int64_t full;                    // steps of tile_depth features
  int64_t rest_pairs, rest_tiles;  // what remains
  bool side_by_side;               // of the rest; otherwise it is a step that is not full

  explicit Depth(int64_t F)
      : full(F / tile_depth),
        rest_pairs((F % tile_depth + 1) / 2),
        rest_tiles(depth_tiles(parts == 2 ? Rounding::bfloat16x3 : Rounding::bfloat16, F % tile_depth)),
        side_by_side(parts == 2 && F % tile_depth <= most_side_by_side) {}
  int64_t steps() const { return full + (!side_by_side && rest_pairs > 0); }
  int64_t tiles() const { return full * parts + rest_tiles; }
};

// Token t as second factors, [tiles][tile_depth / 2][lanes][2].
template <int parts>
void pair_features(const In& x, int64_t t, uint16_t* to) {
  constexpr int64_t row = 2 * lanes;
  const Depth<parts> depth(x.F);
  const float* from = x.at(t, 0);
  for (int64_t step = 0; step < depth.full; ++step, to += parts * tile_numbers)
    for (int64_t pair = 0; pair < 16; ++pair, from += 2 * lanes)
      store_pairs(to + pair * row, pairs_of<parts>(_mm512_load_ps(from), _mm512_load_ps(from + lanes)));
  for (int64_t i = 0; i < depth.rest_tiles * 16; ++i)
    _mm512_store_si512(to + i * row, _mm512_setzero_si512());
  const int64_t term = depth.rest_pairs * row;
  for (int64_t pair = 0; pair < depth.rest_pairs; ++pair, from += 2 * lanes) {
    const bool odd = depth.full * tile_depth + 2 * pair + 1 == x.F;
    const auto pairs =
        pairs_of<parts>(_mm512_load_ps(from), odd ? _mm512_setzero_ps() : _mm512_load_ps(from + lanes));
    if (!depth.side_by_side) {
      store_pairs(to + pair * row, pairs);
    } else if constexpr (parts == 2) {
      _mm512_store_si512(to + pair * row, pairs.part[0]);
      _mm512_store_si512(to + term + pair * row, pairs.part[0]);
      _mm512_store_si512(to + 2 * term + pair * row, pairs.part[1]);
    }
  }
}

// sums[i][j] += a[i] b[j], i below `rows` and j below `columns`, over `steps`: sums in tiles 0 to 3, first
// factors in 4 and 5, second ones in 6 and 7. Four sums hide how long each takes. With two parts the
// product of the lower ones is left out.
template <int parts, int rows, int columns>
[[gnu::always_inline]] inline void multiply(const uint16_t* a, int64_t a_row, const uint16_t* b,
                                            int64_t b_column, int64_t steps) {
  static_assert(rows * columns <= 4 && columns <= 2);
  constexpr int64_t step_numbers = parts * tile_numbers;
  for (int64_t step = 0; step < steps; ++step, a += step_numbers, b += step_numbers) {
    const auto load_b = [&]<int j, int part>() {
      tile_load<6 + j>(b + j * b_column + part * tile_numbers, 64);
    };
    const auto load_a = [&]<int i, int part>() {
      tile_load<4 + i % 2>(a + i * a_row + part * tile_numbers, 64);
    };
    if constexpr (parts == 2 && columns == 1) {
      tile_load<6>(b, 64);
      tile_load<7>(b + tile_numbers, 64);
      repeat<rows>([&]<int i>() {
        load_a.template operator()<i, 0>();
        tile_multiply<i, 4 + i % 2, 6>();
        tile_multiply<i, 4 + i % 2, 7>();
        load_a.template operator()<i, 1>();
        tile_multiply<i, 4 + i % 2, 6>();
      });
      continue;
    }
    const auto products = [&]<int part>() {
      repeat<rows>([&]<int i>() {
        load_a.template operator()<i, part>();
        repeat<columns>([&]<int j>() { tile_multiply<i * columns + j, 4 + i % 2, 6 + j>(); });
      });
    };
    repeat<columns>([&]<int j>() { load_b.template operator()<j, 0>(); });
    products.template operator()<0>();
    if constexpr (parts == 2) {
      products.template operator()<1>();
      repeat<columns>([&]<int j>() { load_b.template operator()<j, 1>(); });
      products.template operator()<0>();
    }
  }
}

}  // namespace

}  // namespace fluxsbi::engine::tile
