// Whether x has anything to do with theta.
#pragma once

#include <vector>

#include "data/look/column.hpp"
#include "data/look/finding.hpp"
#include "data/look/sample.hpp"

namespace fluxsbi::data {

/// A warning where the rows show no dependence of x on any parameter, as where theta and x stand in another
/// order, and a note on single parameters of which x tells nothing. (theta, x, x of another row) and (theta,
/// x of another row, x) are compared by the statistics of SymmetryTest, over up to most_tested rows. Nothing
/// is said of fewer than least_tested rows without missing values, of more than most_tested_values of x, and
/// of x without spread.
std::vector<Finding> find_independence(const RowSample& sample, std::span<const ColumnFacts> theta,
                                       std::span<const ColumnFacts> x);
inline constexpr size_t least_tested = 200, most_tested = 4000, most_tested_values = 24;

}  // namespace fluxsbi::data
