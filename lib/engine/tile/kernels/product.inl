// Product of a block with packed weights; part of table.inl and kernels_avx512bf16.cpp.
//
// A column is one vector of a cell: width samples of a token. A register block is the sums of some outputs
// for some columns: each weight that is read, and spread over a vector, serves all columns of the block, and
// each vector of x all its outputs.
#pragma once

#include "engine/tile/kernels.hpp"
#include "engine/tile/kernels/simd.hpp"

namespace fluxsbi::engine::tile {

namespace {

// The largest register block whose sums, vectors of x and one weight fit the registers: 32, 16 and 16.
#if defined(__AVX512F__)
constexpr int64_t block_outputs = 8, block_vectors = 3;
#elif defined(__AVX2__)
constexpr int64_t block_outputs = 4, block_vectors = 3;
#else
constexpr int64_t block_outputs = 4, block_vectors = 2;
#endif
static_assert(panel % block_outputs == 0);

constexpr int64_t cell_vectors = lanes / width;

// Calls body.template operator()<n>(first) over groups of n <= block_vectors of `count` vectors. No group of
// one is left beside a full one: it would have too few sums to hide the latency of an addition.
template <class Body>
inline void over_groups(int64_t count, Body body) {
  static_assert(block_vectors <= 3);
  for (int64_t first = 0; first < count;) {
    const int64_t left = count - first;
    const int64_t n = left == block_vectors + 1 ? left / 2 : left < block_vectors ? left : block_vectors;
    if (n == 1) {
      body.template operator()<1>(first);
    } else if (n == 2) {
      body.template operator()<2>(first);
    } else {
      body.template operator()<block_vectors>(first);
    }
    first += n;
  }
}

template <class Number>
inline Number* column(const BlockOf<Number>& block, int64_t i) {
  return block.data + i / cell_vectors * block.token + i % cell_vectors * width;
}

// sum + x weight of float32 numbers.
struct MultiplyNumbers {
  static constexpr int64_t cell_steps = lanes;  // of a sum over the samples of a cell

  static Vec add(Vec sum, Vec x, float weight) { return sum + x * weight; }
};

// Outputs o, o + 1, ... for columns c, c + 1, ...
template <int n, class Multiply>
inline void product_block(const Product& job, int64_t o, int64_t c) {
  const int64_t F = job.x.F, outputs = job.out.F - o;
  const float* weights = job.weights + o / panel * panel * F + o % panel;
  const float* x[n];
  Vec sums[block_outputs][n];
#pragma GCC unroll 3
  for (int j = 0; j < n; ++j) x[j] = column(job.x, c + j);
#pragma GCC unroll 8
  for (int k = 0; k < block_outputs; ++k) {
    const Vec start = all(job.bias && k < outputs ? job.bias[o + k] : 0.0F);
#pragma GCC unroll 3
    for (int j = 0; j < n; ++j) sums[k][j] = start;
  }
  for (int64_t i = 0; i < F; ++i, weights += panel) {
    Vec xs[n];
#pragma GCC unroll 3
    for (int j = 0; j < n; ++j) xs[j] = load(x[j] + i * lanes);
#pragma GCC unroll 8
    for (int k = 0; k < block_outputs; ++k)
#pragma GCC unroll 3
      for (int j = 0; j < n; ++j) sums[k][j] = Multiply::add(sums[k][j], xs[j], weights[k]);
  }
#pragma GCC unroll 3
  for (int j = 0; j < n; ++j) {
    float* out = column(static_cast<const Out&>(job.out), c + j) + o * lanes;
#pragma GCC unroll 8
    for (int k = 0; k < block_outputs; ++k) {
      if (k < outputs) store(out + k * lanes, job.out.adds ? load(out + k * lanes) + sums[k][j] : sums[k][j]);
    }
  }
}

// Columns outermost: their cells stay in the nearest cache while the weights, a fraction of the reads, stream
// by.
template <class Multiply>
inline void product_of(const Product& job) {
  over_groups(job.out.T * cell_vectors, [&]<int n>(int64_t c) {
    for (int64_t o = 0; o < job.out.F; o += block_outputs) product_block<n, Multiply>(job, o, c);
  });
}

inline void product_kernel(const Product& job) {
  product_of<MultiplyNumbers>(job);
}

}  // namespace

}  // namespace fluxsbi::engine::tile
