#include "train/data_order.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/error.hpp"
#include "core/philox.hpp"

namespace fluxsbi::train {

DataOrder::DataOrder(int64_t rows, uint64_t seed, int64_t listed)
    : seed_(seed), rows_(static_cast<uint64_t>(rows)) {
  core::require(rows > 0, "the data has rows");
  if (rows <= listed) {
    permutation_.resize(rows_);
  } else {
    while (rows_ > uint64_t{1} << (2 * half_bits_)) ++half_bits_;
    half_bits_ = std::max(half_bits_, 1U);
  }
  begin(0);
}

void DataOrder::begin(uint64_t epoch) {
  epoch_ = epoch;
  key_ = core::derive_seed(seed_, core::Purpose::shuffle, epoch);
  if (permutation_.empty()) return;
  core::Philox random(seed_, core::Purpose::shuffle, epoch);
  std::iota(permutation_.begin(), permutation_.end(), int64_t{0});
  for (size_t i = permutation_.size() - 1; i > 0; --i)
    std::swap(permutation_[i], permutation_[random.below(i + 1)]);
}

uint64_t DataOrder::permuted(uint64_t place) const {
  constexpr uint32_t rounds = 8;
  const uint64_t mask = (uint64_t{1} << half_bits_) - 1;
  do {
    uint64_t left = place >> half_bits_, right = place & mask;
    for (uint32_t round = 0; round < rounds; ++round) {
      const auto words = core::philox4x32(
          key_, {static_cast<uint32_t>(right), static_cast<uint32_t>(right >> 32), round, 0});
      const uint64_t word = words[0] | static_cast<uint64_t>(words[1]) << 32;
      left = std::exchange(right, left ^ (word & mask));
    }
    place = left << half_bits_ | right;
  } while (place >= rows_);
  return place;
}

void DataOrder::fill(uint64_t first, std::span<int64_t> out) {
  for (size_t done = 0; done < out.size();) {
    const uint64_t place = first + done;
    if (place / rows_ != epoch_) begin(place / rows_);
    const uint64_t within = place % rows_;
    const size_t count = std::min<uint64_t>(out.size() - done, rows_ - within);
    for (size_t i = 0; i < count; ++i) {
      out[done + i] =
          permutation_.empty() ? static_cast<int64_t>(permuted(within + i)) : permutation_[within + i];
    }
    done += count;
  }
}

}  // namespace fluxsbi::train
