// The noise of posterior samples: standard normal numbers named by seed, row, draw and attempt, so that
// chunks, shards, threads and order change nothing.
#pragma once

#include <cstdint>
#include <span>

namespace fluxsbi::sample {

/// Names the noise of one sample: observation `row` (of the whole file, not of a shard), its draw, and how
/// often it was redrawn. Each in [0, 2^32).
struct NoiseKey {
  int64_t row = 0;
  int64_t draw = 0;
  int64_t attempt = 0;
};

/// Writes `size` standard normal numbers for every key: out [keys, size]. Uses LibTorch's threads.
/// Throws UserError for a row or draw of 2^32 or more.
void fill_normal(std::span<float> out, uint64_t seed, std::span<const NoiseKey> keys, int64_t size);

}  // namespace fluxsbi::sample
