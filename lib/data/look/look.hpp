// The look at the data before training: facts about every variable, and what they mean for the training.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "data/data_options.hpp"
#include "data/dataset.hpp"
#include "data/look/column.hpp"
#include "data/look/finding.hpp"
#include "data/look/reference.hpp"
#include "data/look/tally.hpp"
#include "data/prior/prior.hpp"
#include "data/standardise.hpp"

namespace fluxsbi::data {

/// Numbers of both sides that are looked at; of more, a sample of rows.
inline constexpr int64_t look_numbers = int64_t{1} << 23;

struct LookRequest {
  const Prior* prior = nullptr;  ///< of theta; null: nothing is known
  bool joint = false;            ///< a joint model is to be trained, which learns prior and likelihood, too
  /// Fitted standardisers, to say what the network sees of the middle half of a column; null: mean and
  /// standard deviation.
  const Standardiser *theta = nullptr, *x = nullptr;
  /// Of all values of the columns of theta and x, as the survey makes them; empty: a sample tells all.
  std::span<const ColumnTally> theta_tallies, x_tallies;
  std::optional<int64_t> dropped;  ///< rows with values that are not finite, where all were counted
  uint64_t seed = 0;               ///< of the sample of rows
  int64_t most_numbers = look_numbers;
};

struct Look {
  int64_t rows = 0;  ///< of the data
  int64_t looked_at =
      0;  ///< rows that were sorted; where fewer than `rows`, one at random of each of as many equal parts
  bool exact = false;  ///< counts, ends and moments of the columns are those of all rows
  int64_t failed =
      0;  ///< rows with NaN or infinite values, among those that were looked at or all (`dropped`)
  std::vector<ColumnFacts> theta,
      x;  ///< of a row's numbers; under data.nan: error and drop, of rows that did not fail
  std::vector<Finding> findings;  ///< errors first, then warnings, then notes
  Reference reference;            ///< of x

  int64_t count(Severity severity) const;
};

/// Reads rows once and reports: few rows, rows that occur twice, missing cells, failed rows and whether theta
/// of failed rows is that of the others (Kolmogorov-Smirnov for each parameter, Bonferroni over them), fill
/// values, extremes that set the standard deviation, constant, discrete, duplicate and collinear columns,
/// theta outside the prior's support. Throws UserError for rows that cannot be read, never for what they
/// hold.
Look look(const Dataset& dataset, const DataOptions& options, const LookRequest& request = {});

}  // namespace fluxsbi::data
