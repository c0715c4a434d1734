// Rows that repeat others: copies, simulations of one theta, and an x that many theta share.
#pragma once

#include <span>
#include <vector>

#include "data/look/column.hpp"
#include "data/look/finding.hpp"
#include "data/look/sample.hpp"

namespace fluxsbi::data {

/// Of the rows that train:
/// - copies of an earlier row, theta and x, from 1 % of the rows on;
/// - fewer than half as many different theta as rows, unless every parameter is discrete;
/// - one and the same complete x (of two numbers or more) for different theta in 1 % of the rows or more,
///   where the other x hardly repeat and one of its numbers hardly occurs in other rows: rows that were never
///   written, or failed.
std::vector<Finding> find_repeats(const RowSample& sample, std::span<const ColumnFacts> theta,
                                  std::span<const ColumnFacts> x);

}  // namespace fluxsbi::data
