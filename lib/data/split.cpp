#include "data/split.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/philox.hpp"
#include "data/data_options.hpp"
#include "data/dataset.hpp"

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
  std::vector<bool> validates(static_cast<size_t>(rows));
  for (int64_t last = rows - count; last < rows; ++last) {
    const uint64_t row = random.below(static_cast<uint64_t>(last) + 1);
    validates[validates[row] ? static_cast<size_t>(last) : row] = true;
  }
  Split split;
  for (int64_t row = 0; row < rows; ++row) {
    (validates[static_cast<size_t>(row)] ? split.validation : split.training).push_back(row);
  }
  return split;
}

}  // namespace fluxsbi::data
