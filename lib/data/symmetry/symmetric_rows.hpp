// Simulations in all their forms under symmetries.
#pragma once

#include <memory>
#include <vector>

#include "data/source/row_source.hpp"
#include "data/symmetry/symmetry.hpp"

namespace fluxsbi::data {

/// Row k * rows.rows() + i is form k of row i. Nothing is copied: forms are made as rows are read.
std::shared_ptr<const RowSource> symmetric_rows(const RowSource& rows, std::vector<RowForm> forms);

}  // namespace fluxsbi::data
