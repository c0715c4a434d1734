// Rows that failed, and whether their parameters are others than those of the rest.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/data_options.hpp"
#include "data/look/column.hpp"
#include "data/look/finding.hpp"
#include "data/look/sample.hpp"

namespace fluxsbi::data {

/// A finding about rows with NaN or infinite values, or none: their share, and whether theta of failed rows
/// differs from that of the others: Kolmogorov-Smirnov for each parameter, at 1 % for all of them together
/// (Bonferroni). `joint`: a joint model is to be trained. `counted`: how many failed of how many, the
/// sample's or all.
struct FailedRows {
  int64_t failed = 0, rows = 0;
};
std::vector<Finding> find_failures(const RowSample& sample, FailedRows counted,
                                   std::span<const ColumnFacts> theta, NanPolicy policy, bool joint);

}  // namespace fluxsbi::data
