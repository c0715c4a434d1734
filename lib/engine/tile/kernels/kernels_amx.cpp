// Products of bfloat16 numbers by the matrix tiles of AMX. Compiled with -mavx512f -mavx512bw -mavx512bf16
// -mamx-tile -mamx-bf16: see simd.hpp for what that asks of the code.
//
// An instruction multiplies a matrix [16][32] by one [32][16] and adds the product to a matrix of float32
// numbers. The 16 columns are the samples of a tile, so that a row of the result is a cell. Of the second
// matrix two rows stand side by side: a pair of features of each sample.
#include <cstdint>

#include <immintrin.h>

#include "engine/tile/kernels.hpp"

namespace fluxsbi::engine::tile {

extern const ProductKernels amx_bfloat16, amx_bfloat16x3;

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

constexpr int64_t cell_bytes = lanes * sizeof(float);

template <int parts>
struct ProductOfTiles {
  const Product& job;
  Depth<parts> depth;
  const uint16_t* weights;
  const uint16_t* pairs;
  int64_t pairs_token;  // numbers from one token's pairs to the next one's; 0: one serves all

  // Outputs [o, o + rows tiles) of tokens [t, t + columns).
  template <int rows, int columns>
  void block(int64_t o, int64_t t) const {
    const auto out = [&](int i, int j) { return job.out.at(t + j, o + i * tile_rows); };
    repeat<rows>([&]<int i>() {
      repeat<columns>([&]<int j>() {
        if (job.bias) {
          tile_load<i * columns + j>(job.bias + (o + i * tile_rows) * lanes, cell_bytes);
        } else if (job.out.adds) {
          tile_load<i * columns + j>(out(i, j), cell_bytes);
        } else {
          tile_clear<i * columns + j>();
        }
      });
    });
    const int64_t row = depth.tiles() * tile_numbers, rest = depth.full * parts * tile_numbers;
    const uint16_t *a = weights + o / tile_rows * row, *b = pairs + t * pairs_token;
    multiply<parts, rows, columns>(a, row, b, pairs_token, depth.steps());
    if (depth.side_by_side)
      multiply<1, rows, columns>(a + rest, row, b + rest, pairs_token, depth.rest_tiles);
    repeat<rows>([&]<int i>() {
      repeat<columns>([&]<int j>() { tile_store<i * columns + j>(out(i, j), cell_bytes); });
    });
  }

  template <int rows>
  void all_tokens(int64_t o) const {
    int64_t t = 0;
    if constexpr (rows <= 2)
      for (; t + 2 <= job.out.T; t += 2) block<rows, 2>(o, t);
    for (; t < job.out.T; ++t) block<rows, 1>(o, t);
  }

  void all() const {
    const TilesInUse tiles(tile_rows);
    const int64_t whole = job.out.F / tile_rows * tile_rows;
    int64_t o = 0;
    if (job.out.T == 1)
      for (; o + 4 * tile_rows <= whole; o += 4 * tile_rows) all_tokens<4>(o);
    for (; o + 2 * tile_rows <= whole; o += 2 * tile_rows) all_tokens<2>(o);
    for (; o < whole; o += tile_rows) all_tokens<1>(o);
    if (o < job.out.F) {
      TilesInUse::set_rows(job.out.F - o);
      all_tokens<1>(o);
    }
  }
};

void add_bias(const Product& job) {
  for (int64_t t = 0; t < job.out.T; ++t)
    for (int64_t o = 0; o < job.out.F; ++o) {
      float* cell = job.out.at(t, o);
      _mm512_store_ps(cell, _mm512_add_ps(_mm512_load_ps(cell), _mm512_load_ps(job.bias + o * lanes)));
    }
}

template <int parts>
void product_kernel(const Product& job) {
  if (job.bias && job.out.adds) {
    add_bias(job);
    product_kernel<parts>({job.x, job.weights, nullptr, job.out, job.scratch});
    return;
  }
  const Depth<parts> depth(job.x.F);
  const int64_t token = depth.tiles() * tile_numbers, own_tokens = job.x.token ? job.out.T : 1;
  auto* pairs = reinterpret_cast<uint16_t*>(job.scratch);
  for (int64_t t = 0; t < own_tokens; ++t) pair_features<parts>(job.x, t, pairs + t * token);
  ProductOfTiles<parts>{job, depth, reinterpret_cast<const uint16_t*>(job.weights), pairs,
                        own_tokens > 1 ? token : 0}
      .all();
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

// Weight gradients sum over samples and tokens: a pair is a sample of two tokens, a step all samples of
// these. Rows are first factors [ceil(R / 16)][steps][16][lanes][2], columns second ones [ceil(C /
// 16)][steps][lanes][16][2].
struct GradientOfTiles {
  const WeightGradient& job;
  int64_t T, steps;
  uint16_t *rows, *columns;

  int64_t group() const { return steps * tile_numbers; }

  // The block's features in groups of 16, of which one token may serve all T. Tokens outermost: the block is
  // read in its order.
  void fill(const In& block, uint16_t* to) const {
    for (int64_t step = 0; step < steps; ++step, to += tile_numbers) {
      const float* from = block.at(2 * step, 0);
      const auto store = [&](int64_t f, const Pairs<1>& pairs) {
        store_pairs(to + f / tile_rows * group() + f % tile_rows * tile_depth, pairs);
      };
      if (2 * step + 1 < T) {
        for (int64_t f = 0; f < block.F; ++f, from += lanes)
          store(f, pairs_of<1>(_mm512_load_ps(from), _mm512_load_ps(from + block.token)));
      } else {
        for (int64_t f = 0; f < block.F; ++f, from += lanes)
          store(f, pairs_of<1>(_mm512_load_ps(from), _mm512_setzero_ps()));
      }
    }
  }

  void fill_rows() const { fill(job.rows, rows); }

  // As rows first; then each tile is turned over.
  void fill_columns() const {
    fill(job.columns, columns);
    for (int64_t c = 0; c < job.columns.F; c += lanes) {
      const int64_t filled = job.columns.F - c < lanes ? job.columns.F - c : lanes;
      for (int64_t tile = 0; tile < steps; ++tile) {
        uint16_t* numbers = columns + c / lanes * group() + tile * tile_numbers;
        __m512i x[16];
        for (int64_t i = 0; i < 16; ++i)
          x[i] = i < filled ? _mm512_load_si512(numbers + i * tile_depth) : _mm512_setzero_si512();
        transpose(x);
        for (int64_t i = 0; i < 16; ++i) _mm512_store_si512(numbers + i * tile_depth, x[i]);
      }
    }
  }

  template <int row_tiles, int column_tiles>
  void block(int64_t r, int64_t c) const {
    const int64_t stride = padded(job.columns.F), bytes = stride * static_cast<int64_t>(sizeof(float));
    const auto sum = [&](int i, int j) {
      return job.gradient + (r + i * tile_rows) * stride + c + j * lanes;
    };
    repeat<row_tiles>([&]<int i>() {
      repeat<column_tiles>([&]<int j>() {
        if (job.adds) {
          tile_load<i * column_tiles + j>(sum(i, j), bytes);
        } else {
          tile_clear<i * column_tiles + j>();
        }
      });
    });
    multiply<1, row_tiles, column_tiles>(rows + r / tile_rows * group(), group(),
                                         columns + c / lanes * group(), group(), steps);
    repeat<row_tiles>([&]<int i>() {
      repeat<column_tiles>([&]<int j>() { tile_store<i * column_tiles + j>(sum(i, j), bytes); });
    });
  }

  template <int row_tiles>
  void all_columns(int64_t r) const {
    int64_t c = 0;
    for (; c + lanes < job.columns.F; c += 2 * lanes) block<row_tiles, 2>(r, c);
    for (; c < job.columns.F; c += lanes) block<row_tiles, 1>(r, c);
  }
};

void weight_gradient_kernel(const WeightGradient& job) {
  const int64_t T = job.rows.T > job.columns.T ? job.rows.T : job.columns.T, steps = (T + 1) / 2;
  auto* rows = reinterpret_cast<uint16_t*>(job.scratch);
  const GradientOfTiles gradient{job, T, steps, rows, rows + padded(job.rows.F) * steps * tile_depth};
  gradient.fill_rows();
  gradient.fill_columns();
  const TilesInUse tiles(tile_rows);
  const int64_t whole = job.rows.F / tile_rows * tile_rows;
  int64_t r = 0;
  for (; r + 2 * tile_rows <= whole; r += 2 * tile_rows) gradient.all_columns<2>(r);
  for (; r < whole; r += tile_rows) gradient.all_columns<1>(r);
  if (r < job.rows.F) {
    TilesInUse::set_rows(job.rows.F - r);
    gradient.all_columns<1>(r);
  }
}

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

template <int parts>
constexpr ProductKernels amx_table = {Layout::tiles, product_kernel<parts>, weight_gradient_kernel,
                                      pack_tiles_kernel<parts>, pack_transposed_tiles_kernel<parts>};

}  // namespace

constinit const ProductKernels amx_bfloat16 = amx_table<1>;
constinit const ProductKernels amx_bfloat16x3 = amx_table<2>;

}  // namespace fluxsbi::engine::tile
