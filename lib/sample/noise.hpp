// The noise of posterior samples: standard normal numbers keyed by seed, row, draw and attempt, so that
// chunks, shards, threads and order do not change them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/philox.hpp"

namespace fluxsbi::sample {

/// Names the noise of one sample: observation `row` (of the whole file, not of a shard), its draw, and how
/// often it was redrawn. Each in [0, 2^32).
struct NoiseKey {
  int64_t row = 0;
  int64_t draw = 0;
  int64_t attempt = 0;
};

/// Standard normal numbers for samples. Each sample has a stream of its own and takes its numbers in order.
class NormalNoise {
 public:
  /// Throws UserError for a row or draw of 2^32 or more.
  NormalNoise(uint64_t seed, std::span<const NoiseKey> keys);

  /// Writes the next `size` numbers of every key: out [keys, size]. Uses LibTorch's threads.
  void fill(std::span<float> out, int64_t size);

 private:
  std::vector<core::Philox> streams_;  ///< one a key
};

}  // namespace fluxsbi::sample
