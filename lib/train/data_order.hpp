// Which rows a batch holds.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace fluxsbi::train {

/// Every epoch is a permutation of all rows, drawn from (seed, epoch) alone. The epochs follow each
/// other in one endless sequence, of which batch b takes the places b * size ... b * size + size - 1: every
/// batch is full, every row comes once an epoch, and a batch may reach into the next epoch.
///
/// Up to `most_listed` rows the permutation is Fisher-Yates on Philox numbers, uniform among all, and listed.
/// For more rows a list would take more memory than the program may: there it is a keyed bijection, computed
/// place by place (Luby and Rackoff, SIAM J. Comput. 17, 1988): a balanced Feistel network of eight rounds on
/// the smallest even number of bits that counts the rows, whose round function is Philox; results beyond the
/// rows are put in again until one lies among them (cycle walking, Black and Rogaway 2002), four times in the
/// mean at most.
class DataOrder {
 public:
  static constexpr int64_t most_listed = int64_t{1} << 24;

  /// rows >= 1
  DataOrder(int64_t rows, uint64_t seed, int64_t listed = most_listed);

  /// The row numbers at places first ... first + out.size() - 1 of the sequence.
  void fill(uint64_t first, std::span<int64_t> out);

 private:
  void begin(uint64_t epoch);
  uint64_t permuted(uint64_t place) const;

  uint64_t seed_, rows_;
  std::vector<int64_t> permutation_;  ///< of this epoch, where it is listed
  uint64_t epoch_ = 0, key_ = 0;
  unsigned half_bits_ = 0;
};

}  // namespace fluxsbi::train
