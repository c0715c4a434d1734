// Simulations in all their forms under symmetries.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "data/source/row_source.hpp"
#include "data/symmetry/shift.hpp"
#include "data/symmetry/symmetry.hpp"

namespace fluxsbi::data {

/// What the forms of a row are.
struct RowForms {
  std::vector<RowForm> forms;  ///< one or more
  std::vector<Shift> shifts;   ///< by which all but the first move before they are formed
  /// Numbers of the rows whose parameters moved rows take, each drawn at random; one or more where there are
  /// shifts.
  std::vector<int64_t> donors;
};

/// Row k * rows.rows() + i is form k of row i. Nothing is copied: forms are made as rows are read.
std::shared_ptr<const RowSource> symmetric_rows(const RowSource& rows, RowForms forms);

}  // namespace fluxsbi::data
