// Gradients of weights and biases; part of table.inl and kernels_avx512bf16.cpp.
//
// A weight's gradient is a sum over samples, so that samples cannot stay side by side: the columns are
// transposed, and each number of a row is spread over a vector of columns.
#pragma once

#include "engine/tile/kernels/four.hpp"
#include "engine/tile/kernels/product.inl"

namespace fluxsbi::engine::tile {

namespace {

constexpr float zero_cell[lanes] = {};

// to[s][c] = cells[c][s], four columns c and all samples s; beyond `columns` zero.
inline void transpose_cells(const float* cells, int64_t columns, float* to, int64_t row) {
  const float* cell[4];
  for (int c = 0; c < 4; ++c) cell[c] = c < columns ? cells + c * lanes : zero_cell;
  for (int64_t s = 0; s < lanes; s += 4) {
    Four a = load_four(cell[0] + s), b = load_four(cell[1] + s);
    Four c = load_four(cell[2] + s), d = load_four(cell[3] + s);
    transpose_four(a, b, c, d);
    float* out = to + s * row;
    store_four(out, a);
    store_four(out + row, b);
    store_four(out + 2 * row, c);
    store_four(out + 3 * row, d);
  }
}

// Columns first, first + 1, ... first + row - 1 as to[t lanes + s][row].
inline void transpose(const In& columns, int64_t T, int64_t first, int64_t row, float* to) {
  for (int64_t t = 0; t < T; ++t, to += lanes * row)
    for (int64_t c = 0; c < row; c += 4)
      transpose_cells(columns.at(t, first + c), columns.F - first - c, to + c, row);
}

// One of the blocks may have a single token that serves all those of the other.
inline int64_t tokens(const WeightGradient& job) {
  return job.rows.T > job.columns.T ? job.rows.T : job.columns.T;
}

// Vectors that hold columns; what remains of a row is padding alone where a cell is several vectors.
inline int64_t column_vectors(const WeightGradient& job) {
  return (job.columns.F + width - 1) / width;
}

// Rows r, r + 1, ... and n vectors of columns from `first` on, which stand in columns[t steps + s][n width].
template <int row_count, int n, class Multiply>
inline void gradient_block(const WeightGradient& job, int64_t r, int64_t first, const float* columns) {
  constexpr int64_t steps = Multiply::cell_steps;
  const int64_t stride = padded(job.columns.F), T = tokens(job);
  float* gradient = job.gradient + r * stride + first;
  Vec sums[row_count][n];
#pragma GCC unroll 8
  for (int k = 0; k < row_count; ++k)
#pragma GCC unroll 3
    for (int j = 0; j < n; ++j) sums[k][j] = job.adds ? load(gradient + k * stride + j * width) : Vec{};
  int64_t t = 0;
  do {  // a loop that may not run at all would make room for two sets of sums
    const float* rows = job.rows.data + t * job.rows.token + r * steps;
#pragma GCC unroll 1
    for (int64_t s = 0; s < steps; ++s, columns += n * width) {
      Vec xs[n];
#pragma GCC unroll 3
      for (int j = 0; j < n; ++j) xs[j] = load(columns + j * width);
#pragma GCC unroll 8
      for (int k = 0; k < row_count; ++k)
#pragma GCC unroll 3
        for (int j = 0; j < n; ++j) sums[k][j] = Multiply::add(sums[k][j], xs[j], rows[k * steps + s]);
    }
  } while (++t < T);
#pragma GCC unroll 8
  for (int k = 0; k < row_count; ++k)
#pragma GCC unroll 3
    for (int j = 0; j < n; ++j) store(gradient + k * stride + j * width, sums[k][j]);
}

// Rows r, r + 1, ... r + row_count - 1 and all columns.
template <int row_count, class Multiply>
inline void gradient_rows(const WeightGradient& job, int64_t r) {
  over_groups(column_vectors(job), [&]<int n>(int64_t vector) {
    const int64_t first = vector * width;
    gradient_block<row_count, n, Multiply>(job, r, first,
                                           job.scratch + first * tokens(job) * Multiply::cell_steps);
  });
}

inline void clear_padding(const WeightGradient& job) {
  const int64_t row = padded(job.columns.F);
  for (int64_t r = 0; r < job.rows.F; ++r)
    for (int64_t c = column_vectors(job) * width; c < row; c += width)
      store(job.gradient + r * row + c, Vec{});
}

// Of columns that stand transposed in scratch memory. Rows outermost: the gradient, most of what is read and
// written where tokens are few, is then passed once and in order.
template <class Multiply>
inline void gradient_of(const WeightGradient& job) {
  if (!job.adds) clear_padding(job);
  int64_t r = 0;
  for (; r + block_outputs <= job.rows.F; r += block_outputs) gradient_rows<block_outputs, Multiply>(job, r);
  if constexpr (block_outputs > 4)
    for (; r + 4 <= job.rows.F; r += 4) gradient_rows<4, Multiply>(job, r);
  for (; r + 2 <= job.rows.F; r += 2) gradient_rows<2, Multiply>(job, r);
  for (; r < job.rows.F; ++r) gradient_rows<1, Multiply>(job, r);
}

inline void weight_gradient_kernel(const WeightGradient& job) {
  over_groups(column_vectors(job), [&]<int n>(int64_t vector) {
    const int64_t first = vector * width;
    transpose(job.columns, tokens(job), first, n * width, job.scratch + first * tokens(job) * lanes);
  });
  gradient_of<MultiplyNumbers>(job);
}

// Four numbers with the same sum.
template <class V>
inline Four fold(V x) {
  if constexpr (sizeof(V) == sizeof(Four)) {
    return x;
  } else if constexpr (sizeof(V) == 2 * sizeof(Four)) {
    return __builtin_shufflevector(x, x, 0, 1, 2, 3) + __builtin_shufflevector(x, x, 4, 5, 6, 7);
  } else {
    return fold(__builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7) +
                __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15));
  }
}

// Four features at a time: transposed, their sums over lanes take three additions together.
inline void lane_sum_kernel(const LaneSum& job) {
  for (int64_t f = 0; f < job.x.F; f += 4) {
    const int64_t count = job.x.F - f < 4 ? job.x.F - f : 4;
    Vec sums[4] = {};
    for (int64_t t = 0; t < job.x.T; ++t) {
#pragma GCC unroll 4
      for (int64_t k = 0; k < 4; ++k) {
        const float* x = job.x.at(t, k < count ? f + k : f);
        for (int64_t s = 0; s < lanes; s += width) sums[k] += load(x + s);
      }
    }
    Four a = fold(sums[0]), b = fold(sums[1]), c = fold(sums[2]), d = fold(sums[3]);
    transpose_four(a, b, c, d);
    const Four four = (a + b) + (c + d);
    for (int64_t k = 0; k < count; ++k) job.sums[f + k] = job.adds ? job.sums[f + k] + four[k] : four[k];
  }
}

}  // namespace

}  // namespace fluxsbi::engine::tile
