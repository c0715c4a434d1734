// Which rows a batch holds.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace fluxsbi::train {

/// Every epoch is a permutation of all rows, drawn from (seed, epoch) alone (Fisher-Yates on Philox numbers).
/// The epochs follow each other in one endless sequence, of which batch b takes the places b * size ... b *
/// size + size - 1: every batch is full, every row comes once an epoch, and a batch may reach into the next
/// epoch.
class DataOrder {
 public:
  /// rows >= 1
  DataOrder(int64_t rows, uint64_t seed);

  /// The row numbers at places first ... first + out.size() - 1 of the sequence.
  void fill(uint64_t first, std::span<int64_t> out);

 private:
  void shuffle(uint64_t epoch);

  uint64_t seed_;
  std::vector<int64_t> permutation_;
  uint64_t epoch_ = 0;
};

}  // namespace fluxsbi::train
