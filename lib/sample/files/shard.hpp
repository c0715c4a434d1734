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

/// Reads "i/n", or takes index and count from the launcher for "auto" (core::share_from_environment) and says
/// so in the log. Throws UserError naming --shard for anything else, and for "auto" without a launcher.
Shard parse_shard(const std::string& text);

/// Where a shard of an output goes whose name all processes of a launcher were given: "post.npz" becomes
/// "post.2-of-8.npz" for `text` "auto", and stays as it is otherwise.
std::string output_of_shard(const std::string& output, const std::string& text, const Shard& shard);

/// The contiguous rows of a shard, in order; sizes differ by one at most. Empty where count exceeds rows.
struct RowRange {
  int64_t first = 0;
  int64_t rows = 0;
};
RowRange rows_of_shard(const Shard& shard, int64_t total_rows);

}  // namespace fluxsbi::sample
