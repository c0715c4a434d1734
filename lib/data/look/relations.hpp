// What columns have to do with each other.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "data/look/column.hpp"
#include "data/look/finding.hpp"
#include "data/look/sample.hpp"

namespace fluxsbi::data {

/// Columns that repeat another one, numbers of theta that are one direction (|correlation| > 0.999) or a
/// linear function of two others or more (all but 1e-4 of their variance, of the first 100), numbers of x
/// that tell a number of theta exactly (> 1 - 1e-7) and those of x that tell each other (> 0.9999, a note).
/// Correlations are Pearson's over at most 1,000 rows, of values cut at 10 spreads from the median, and of
/// the first 600 columns.
std::vector<Finding> find_relations(const RowSample& sample, std::span<const ColumnFacts> theta,
                                    std::span<const ColumnFacts> x);

}  // namespace fluxsbi::data
