// Pairs (theta, x), row by row, wherever they lie.
#pragma once

#include <cstdint>
#include <span>

#include "data/source/row_array.hpp"

namespace fluxsbi::data {

/// Row i of theta and row i of x are one simulation. What trains, validates or standardises sees rows and
/// blocks of rows, never all of the data. Reading from several threads is safe.
class RowSource {
 public:
  /// Both sides must have the same number of rows.
  RowSource(RowArrayPtr theta, RowArrayPtr x);

  int64_t rows() const { return theta_->rows(); }
  const RowArray& theta() const { return *theta_; }
  const RowArray& x() const { return *x_; }
  RowArrayPtr theta_array() const { return theta_; }
  RowArrayPtr x_array() const { return x_; }
  bool in_memory() const { return theta_->in_memory() && x_->in_memory(); }

 private:
  RowArrayPtr theta_, x_;
};

/// Reads rows in any order to `out` [rows, row_size], in ascending order inside, which disks and chunked
/// files answer fastest.
void read_rows(const RowArray& array, std::span<const int64_t> rows, std::span<double> out);

}  // namespace fluxsbi::data
