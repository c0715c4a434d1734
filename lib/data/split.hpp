// Which rows train and which validate.
#pragma once

#include <cstdint>
#include <vector>

#include "data/data_options.hpp"

namespace fluxsbi::data {

/// Row numbers of the training and the validation split: a random split keyed by seed, both sorted.
/// At least one row each. Throws UserError if there are fewer than two rows.
struct Split {
  std::vector<int64_t> training, validation;
};
Split split_rows(int64_t rows, const DataOptions& options, uint64_t seed);

}  // namespace fluxsbi::data
