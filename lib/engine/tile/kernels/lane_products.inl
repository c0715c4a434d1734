// Matrix products lane by lane, as attention needs them; part of kernels_*.cpp, see simd.hpp for the rules.
#pragma once

#include "engine/tile/kernels/blocks.inl"

namespace fluxsbi::engine::tile {

namespace {

// A matrix of cells: (i, j) at data + i row + j column.
template <class Number>
struct CellsOf {
  Number* data;
  int64_t row, column;

  CellsOf from_row(int64_t i) const { return {data + i * row, row, column}; }
  CellsOf from_column(int64_t j) const { return {data + j * column, row, column}; }
  CellsOf transposed() const { return {data, column, row}; }
  operator CellsOf<const Number>() const { return {data, row, column}; }
};
using Cells = CellsOf<const float>;
using OutCells = CellsOf<float>;

// c = a b or c += a b, a [M, K], b [K, N]
struct LaneProduct {
  int64_t M, N, K;
  Cells a, b;
  OutCells c;
  bool adds;
};

// Sums that stay in registers while K runs: enough that additions need not wait for each other, and that two
// loads serve several of them.
#if defined(__AVX512F__)
constexpr int most_rows = 4;
#else
constexpr int most_rows = 2;  // 16 registers
#endif
constexpr int most_columns = 5;

// g++ would load the number again for each row that takes it.
inline void keep_in_register([[maybe_unused]] Vec& x) {
#if defined(__AVX2__)
  asm("" : "+v"(x));
#endif
}

// Of the rows and columns from (a's, b's first) on.
template <int rows, int columns>
void lane_product_block(const Cells a, const Cells b, const OutCells c, int64_t K, bool adds) {
  Vec sums[rows][columns] = {};
  const float *a_next = a.data, *b_next = b.data;
  for (int64_t k = 0; k < K; ++k, a_next += a.column, b_next += b.row) {
    Vec left[rows];
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) left[r] = load(a_next + r * a.row);
#pragma GCC unroll 8
    for (int n = 0; n < columns; ++n) {
      Vec right = load(b_next + n * b.column);
      keep_in_register(right);
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) sums[r][n] += left[r] * right;
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
    for (int n = 0; n < columns; ++n) put(c.data + r * c.row + n * c.column, sums[r][n], adds);
  }
}

template <int rows, int columns>
inline void lane_product_columns(const LaneProduct& p, int64_t j, int64_t lane) {
  const Cells b = p.b.from_column(j);
  const OutCells c = p.c.from_column(j);
  lane_product_block<rows, columns>({p.a.data + lane, p.a.row, p.a.column}, {b.data + lane, b.row, b.column},
                                    {c.data + lane, c.row, c.column}, p.K, p.adds);
}

// All columns of `rows` rows, in blocks; the last ones get the block that fits.
template <int rows>
inline void lane_product_rows(const LaneProduct& p) {
  for (int64_t j = 0; j < p.N; j += most_columns) {
    for (int64_t lane = 0; lane < lanes; lane += width) {
      switch (p.N - j) {
        case 1:
          lane_product_columns<rows, 1>(p, j, lane);
          break;
        case 2:
          lane_product_columns<rows, 2>(p, j, lane);
          break;
        case 3:
          lane_product_columns<rows, 3>(p, j, lane);
          break;
        case 4:
          lane_product_columns<rows, 4>(p, j, lane);
          break;
        default:
          lane_product_columns<rows, most_columns>(p, j, lane);
      }
    }
  }
}

void lane_product(const LaneProduct& p) {
  int64_t i = 0;
  const auto rows_from = [&] {
    return LaneProduct{p.M, p.N, p.K, p.a.from_row(i), p.b, p.c.from_row(i), p.adds};
  };
  for (; i + most_rows <= p.M; i += most_rows) lane_product_rows<most_rows>(rows_from());
  for (; i + 2 <= p.M; i += 2) lane_product_rows<2>(rows_from());
  for (; i < p.M; ++i) lane_product_rows<1>(rows_from());
}

}  // namespace

}  // namespace fluxsbi::engine::tile
