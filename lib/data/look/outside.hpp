// Parameters outside the prior's support.
#pragma once

#include <span>
#include <vector>

#include "data/look/column.hpp"
#include "data/look/finding.hpp"
#include "data/look/sample.hpp"
#include "data/prior/prior.hpp"
#include "data/source/row_array.hpp"

namespace fluxsbi::data {

/// A finding about theta outside the prior's support, or none; an error where all of it is. Fills
/// ColumnFacts::outside of theta's columns. A value beyond an end by 1e-6 of the support's width or of the
/// end lies on it: float32 rounds so. All rows of `theta` are looked at where the sample holds a part of
/// them.
std::vector<Finding> find_outside(const RowSample& sample, const RowArray& theta, const Prior& prior,
                                  std::span<ColumnFacts> columns);

/// A finding about parameters that are not distributed as the prior says: in some of eleven quantiles of the
/// prior the share of rows below it differs by more than a tenth, and chance (Kolmogorov-Smirnov, 1 %)
/// besides. What a model learns is the posterior under the distribution of its training rows. Priors without
/// a density say nothing.
std::vector<Finding> find_other_distribution(const RowSample& sample, const Prior& prior,
                                             std::span<const ColumnFacts> columns);

}  // namespace fluxsbi::data
