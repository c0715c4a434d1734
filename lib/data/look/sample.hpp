// The rows that a look reads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/dataset.hpp"

namespace fluxsbi::data {

struct RowSample {
  int64_t rows = 0;
  size_t theta_size = 0, x_size = 0;
  std::vector<double> theta, x;  ///< [rows, theta_size], [rows, x_size]
  std::vector<uint8_t> failed;   ///< [rows], 1 where a number is not is_finite()
  bool failed_are_out = false;   ///< such rows do not train (data.nan: error, drop)

  std::span<const double> theta_row(int64_t row) const;
  std::span<const double> x_row(int64_t row) const;
  bool used(int64_t row) const { return !failed_are_out || !failed[static_cast<size_t>(row)]; }
  int64_t failures() const;
};

/// All rows where both sides together have at most `most_numbers` numbers, else one at random of each of as
/// many equal parts of the rows as fit.
RowSample sample_rows(const Dataset& dataset, const DataOptions& options, uint64_t seed,
                      int64_t most_numbers);

}  // namespace fluxsbi::data
