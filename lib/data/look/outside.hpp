// Parameters outside the prior's support.
#pragma once

#include <span>
#include <vector>

#include "data/look/column.hpp"
#include "data/look/finding.hpp"
#include "data/look/sample.hpp"
#include "data/prior/prior.hpp"

namespace fluxsbi::data {

/// A finding about theta outside the prior's support, or none; an error where all of it is. Fills ColumnFacts::outside of
/// theta's columns. A value beyond an end by 1e-6 of the support's width or of the end lies on it: float32 rounds so.
std::vector<Finding> find_outside(const RowSample& sample, const Prior& prior,
                                  std::span<ColumnFacts> columns);

}  // namespace fluxsbi::data
