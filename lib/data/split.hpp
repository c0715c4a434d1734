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
/// Throws UserError if there are fewer than two rows.
Split split_rows(int64_t rows, const DataOptions& options, uint64_t seed);

}  // namespace fluxsbi::data
