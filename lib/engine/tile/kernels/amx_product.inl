// Products of a block with weights in tiles; part of kernels_amx.cpp.
#pragma once

#include "engine/tile/kernels/amx_tiles.inl"

namespace fluxsbi::engine::tile {

namespace {

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
    over_sums<rows, columns>([&]<int i, int j>() {
      if (job.bias) {
        tile_load<i * columns + j>(job.bias + (o + i * tile_rows) * lanes, cell_bytes);
      } else if (job.out.adds) {
        tile_load<i * columns + j>(out(i, j), cell_bytes);
      } else {
        tile_clear<i * columns + j>();
      }
    });
    const int64_t row = depth.tiles() * tile_numbers, rest = depth.full * parts * tile_numbers;
    const uint16_t *a = weights + o / tile_rows * row, *b = pairs + t * pairs_token;
    multiply<parts, rows, columns>(a, row, b, pairs_token, depth.steps());
    if (depth.side_by_side)
      multiply<1, rows, columns>(a + rest, row, b + rest, pairs_token, depth.rest_tiles);
    over_sums<rows, columns>([&]<int i, int j>() { tile_store<i * columns + j>(out(i, j), cell_bytes); });
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

}  // namespace

}  // namespace fluxsbi::engine::tile
