// Which rows train and which validate.
#pragma once

#include <cstdint>
#include <vector>

#include "data/data_options.hpp"
#include "data/source/complement.hpp"

namespace fluxsbi::data {

/// Row numbers of the training and the validation split: a random split keyed by seed, all ascending. At
/// least one row each.
struct Split {
  Complement training;
  std::vector<int64_t> validation;
  std::vector<int64_t> untrained;  ///< validation, and for a member of an ensemble what is kept from all
};
/// One part of the split for an ensemble, whose members validate by rows that differ.
struct Fold {
  /// The member, from 1; 0: the ensemble as a whole, whose validation rows no member sees.
  int64_t number = 0;
  int64_t count = 1;  ///< members; 1: the rows are split once
};

/// The validation sets of the members and of the whole of one seed are disjoint and of one size:
/// validation_fraction of the rows, and at most as many as leave as many again to train on. Throws UserError
/// if there are fewer than two rows, or too few for these sets.
Split split_rows(int64_t rows, const DataOptions& options, uint64_t seed, const Fold& fold = {});

}  // namespace fluxsbi::data
