// Gradients of weights by matrix tiles; part of kernels_amx.cpp.
#pragma once

#include "engine/tile/kernels/amx_tiles.inl"

namespace fluxsbi::engine::tile {

namespace {

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
    over_sums<row_tiles, column_tiles>([&]<int i, int j>() {
      if (job.adds) {
        tile_load<i * column_tiles + j>(sum(i, j), bytes);
      } else {
        tile_clear<i * column_tiles + j>();
      }
    });
    multiply<1, row_tiles, column_tiles>(rows + r / tile_rows * group(), group(),
                                         columns + c / lanes * group(), group(), steps);
    over_sums<row_tiles, column_tiles>(
        [&]<int i, int j>() { tile_store<i * column_tiles + j>(sum(i, j), bytes); });
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

}  // namespace

}  // namespace fluxsbi::engine::tile
