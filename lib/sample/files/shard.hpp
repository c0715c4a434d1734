// A part of the observations for one job of many.
#pragma once

#include <cstdint>
#include <string>

namespace fluxsbi::sample {

/// Part `index` of `count`, 0 <= index < count.
struct Shard {
  int64_t index = 0;
  int64_t count = 1;
};

/// Reads "i/n". Throws UserError naming --shard for anything else.
Shard parse_shard(const std::string& text);

/// The contiguous rows of a shard, in order; sizes differ by one at most. Empty where count exceeds rows.
struct RowRange {
  int64_t first = 0;
  int64_t rows = 0;
};
RowRange rows_of_shard(const Shard& shard, int64_t total_rows);

}  // namespace fluxsbi::sample
