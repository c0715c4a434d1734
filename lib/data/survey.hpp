// What is found out about the data before training, in one pass over their rows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/data_options.hpp"
#include "data/dataset.hpp"
#include "data/look/tally.hpp"
#include "data/missing.hpp"
#include "data/regression.hpp"
#include "data/side_choice.hpp"
#include "data/source/complement.hpp"
#include "data/split.hpp"
#include "data/standardise.hpp"

namespace fluxsbi::data {

struct Survey {
  /// Numbers of the source's rows that data.nan has left: drop, those that are finite; pad, those with an
  /// element.
  Complement kept;
  int64_t dropped = 0;
  Split split;  ///< numbers among the kept rows
  Standardiser theta, x;
  Regression regression;  ///< of theta on x; empty: none
  /// The same for the training rows, to which it was fitted: its scale is that of their own residuals, so
  /// that networks learn from them how wide those of other rows are.
  Regression regression_of_training;
  MissingCount missing;  ///< of the kept rows; data.nan = impute alone
  /// CRC-32 of the kept rows of theta, then of x, in float32 where it holds the file's type, else in float64:
  /// a run goes on only with the data that it began with.
  uint32_t fingerprint = 0;
  /// Of the columns of theta and x, over the rows that are kept (missing: of all); empty for more than
  /// most_tallied.
  std::vector<ColumnTally> theta_tallies, x_tallies;
  std::vector<std::string> remarks;  ///< on transforms: what was chosen, and values on an end that were moved

  /// The training rows as numbers of the source's rows.
  std::vector<int64_t> training_rows() const;
};

/// Reads all rows once, in blocks of at most `most_numbers` numbers of a side: applies data.nan, splits off
/// the validation rows, fits the standardisers to the rest and takes the fingerprint. (Where rows are dropped
/// the split changes, and a second pass fits again.) Transforms are chosen before, by a sample of rows; where
/// the ends of all values show that others fit better, a further pass fits with those.
/// `options` must be resolved. Throws UserError for rows with NaN or infinite values (count and first row;
/// with impute x may hold NaN, but not in every row), for sets that are none, for theta outside the ends of
/// its transform, for transforms that do not fit, for constant columns, and for fewer than two rows.
Survey survey(const Dataset& dataset, const DataOptions& options, uint64_t seed,
              const ThetaEnds& theta_ends = {}, int64_t most_numbers = block_numbers, const Fold& fold = {});

}  // namespace fluxsbi::data
