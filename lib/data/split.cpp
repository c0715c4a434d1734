#include "data/split.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "core/error.hpp"
#include "core/philox.hpp"

namespace fluxsbi::data {

Split split_rows(int64_t rows, const DataOptions& options, uint64_t seed) {
  if (rows < 2) {
    throw core::UserError("training needs at least 2 rows, one to train on and one to validate with; found " +
                          std::to_string(rows));
  }
  const auto wanted = std::llround(options.validation_fraction * static_cast<double>(rows));
  const int64_t count = std::clamp<int64_t>(std::min<int64_t>(wanted, options.max_validation), 1, rows - 1);
  // Floyd's algorithm: a uniform subset of `count` rows with `count` draws.
  core::Philox random(seed, core::Purpose::split);
  std::unordered_set<int64_t> chosen;
  for (int64_t last = rows - count; last < rows; ++last) {
    const auto row = static_cast<int64_t>(random.below(static_cast<uint64_t>(last) + 1));
    if (!chosen.insert(row).second) chosen.insert(last);
  }
  std::vector<int64_t> validation(chosen.begin(), chosen.end());
  std::sort(validation.begin(), validation.end());
  return {Complement(rows, validation), validation};
}

}  // namespace fluxsbi::data
