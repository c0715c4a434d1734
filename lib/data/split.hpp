// Which rows train and which validate.
#pragma once

#include <cstdint>
#include <vector>

#include "data/data_options.hpp"
#include "data/source/complement.hpp"

namespace fluxsbi::data {

/// Row numbers of the training and the validation split: a random split keyed by seed, both ascending. At
/// least one row each.
struct Split {
  Complement training;
  std::vector<int64_t> validation;
};
/// One part of a K-fold split: the members of an ensemble validate by rows that differ.
struct Fold {
  int64_t number = 0;  ///< from 0
  int64_t count = 1;   ///< K; 1: the rows are split once
};

/// The K validation sets of folds with the same seed are disjoint and of one size: validation_fraction of the
/// rows, and at most a K-th of them. Throws UserError if there are fewer than two rows, or fewer than folds.
Split split_rows(int64_t rows, const DataOptions& options, uint64_t seed, const Fold& fold = {});

}  // namespace fluxsbi::data
