// Rows as networks see them: standardised, in float32.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "data/regression.hpp"
#include "data/source/row_source.hpp"
#include "data/standardise.hpp"

namespace fluxsbi::data {

/// Values go through double from the file's type to their standardised value, and are rounded then. Reading
/// from several threads is safe.
class StandardisedRows {
 public:
  /// An empty regression leaves theta as it is standardised.
  StandardisedRows(std::shared_ptr<const RowSource> rows, Standardiser theta, Standardiser x,
                   Regression regression = {});

  const RowSource& source() const { return *rows_; }
  /// Rows of the source in any order: theta [rows, theta size] or its residual, x [rows, x size].
  void read(std::span<const int64_t> rows, std::span<float> theta, std::span<float> x) const;

 private:
  std::shared_ptr<const RowSource> rows_;
  Standardiser theta_, x_;
  Regression regression_;
};

}  // namespace fluxsbi::data
