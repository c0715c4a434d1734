// What the facts about columns mean for a training.
#pragma once

#include <string_view>
#include <vector>

#include "data/look/column.hpp"
#include "data/look/finding.hpp"
#include "data/standardise.hpp"

namespace fluxsbi::data {

/// One side of the data, theta or x.
struct SideOfLook {
  std::string_view name;  ///< "theta" or "x"
  const std::vector<ColumnFacts>& columns;
  const Standardiser* standardiser;  ///< null: mean and standard deviation
  Standardise kind;
};

/// Findings about single columns: fill values, extremes, limits of detection, discrete ones, angles, constant
/// and missing ones.
/// `failed_are_out`: rows with missing values do not train.
std::vector<Finding> find_column_findings(const SideOfLook& side, bool failed_are_out);

}  // namespace fluxsbi::data
