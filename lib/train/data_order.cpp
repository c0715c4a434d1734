#include "train/data_order.hpp"

#include <algorithm>
#include <numeric>

#include "core/error.hpp"
#include "core/philox.hpp"

namespace fluxsbi::train {

DataOrder::DataOrder(int64_t rows, uint64_t seed) : seed_(seed) {
  core::require(rows > 0, "the data has rows");
  permutation_.resize(static_cast<size_t>(rows));
  shuffle(0);
}

void DataOrder::shuffle(uint64_t epoch) {
  core::Philox random(seed_, core::Purpose::shuffle, epoch);
  std::iota(permutation_.begin(), permutation_.end(), int64_t{0});
  for (size_t i = permutation_.size() - 1; i > 0; --i)
    std::swap(permutation_[i], permutation_[random.below(i + 1)]);
  epoch_ = epoch;
}

void DataOrder::fill(uint64_t first, std::span<int64_t> out) {
  const uint64_t rows = permutation_.size();
  for (size_t done = 0; done < out.size();) {
    const uint64_t place = first + done;
    if (place / rows != epoch_) shuffle(place / rows);
    const uint64_t within = place % rows;
    const size_t count = std::min<uint64_t>(out.size() - done, rows - within);
    std::copy_n(permutation_.begin() + static_cast<ptrdiff_t>(within), count,
                out.begin() + static_cast<ptrdiff_t>(done));
    done += count;
  }
}

}  // namespace fluxsbi::train
