// Walks over the cells of blocks; part of kernels_*.cpp, see simd.hpp for the rules.
#pragma once

#include "engine/tile/kernels.hpp"
#include "engine/tile/kernels/simd.hpp"

namespace fluxsbi::engine::tile {

namespace {

// Token t of a block, or the one token that serves all.
template <class Number>
inline Number* row(const BlockOf<Number>& block, int64_t t) {
  return block.T == 1 ? block.data : block.data + t * block.token;
}

// f(t) for all tokens, f(i) for the vectors of n cells side by side, f(lane) for those of one cell.
template <class Body>
inline void over_tokens(int64_t T, Body body) {
  for (int64_t t = 0; t < T; ++t) body(t);
}
template <class Body>
inline void over_vectors(int64_t n, Body body) {
  for (int64_t i = 0; i < n * lanes; i += width) body(i);
}
template <class Body>
inline void over_lanes(Body body) {
  for (int64_t lane = 0; lane < lanes; lane += width) body(lane);
}

// The sum of term(i) over the features of a token, i their places from `lane` on. Four sums side by side: a
// single one would wait for each addition.
template <class Term>
inline Vec sum_over_features(int64_t F, int64_t lane, Term term) {
  Vec sums[4] = {};
  int64_t i = lane;
  const int64_t end = lane + F * lanes;
  for (; i + 3 * lanes < end; i += 4 * lanes) {
    sums[0] += term(i);
    sums[1] += term(i + lanes);
    sums[2] += term(i + 2 * lanes);
    sums[3] += term(i + 3 * lanes);
  }
  for (; i < end; i += lanes) sums[0] += term(i);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

inline void put(float* to, Vec x, bool adds) {
  store(to, adds ? load(to) + x : x);
}

// Where the gradient of token t goes. A block of one token takes the sum over all: the first one is put as
// the caller asks, the others are added.
struct GradientRow {
  GradientRow(const Gradient& gradient, int64_t t)
      : data(gradient.data ? row(gradient, t) : nullptr),
        adds(gradient.adds || (t > 0 && (gradient.T == 1 || gradient.token == 0))) {}

  void put(int64_t i, Vec x) const {
    if (data) tile::put(data + i, x, adds);
  }

  float* data;
  bool adds;
};

}  // namespace

}  // namespace fluxsbi::engine::tile
