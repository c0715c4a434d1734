// Puts the values of x that have to do with theta in place of data.use_x: auto.
#pragma once

#include <cstdint>
#include <string>

#include "data/data_options.hpp"
#include "data/shape.hpp"

namespace fluxsbi::data {

/// Why values of x of this shape cannot be screened, a clause; "" where they can: x is no vector of numbers
/// that are always there, or has more than most_screened_values of them.
std::string screening_problem(const DataShape& shape, const DataOptions& options);

/// What `auto` chose and why, "x_3, x_17 (2 of 100 values)" and "the others show no dependence ...".
struct ChosenX {
  std::string choice, reason;
};

/// Opens the data that `options` name, with all values of x, and screens up to most_screened_rows evenly
/// spaced complete rows. options.use_x becomes the names of the values that are kept, or all. `seed` is that
/// of a task's simulations. Throws UserError as open_dataset does.
ChosenX choose_x(DataOptions& options, uint64_t seed);

/// told_beyond_linear of the data that `options` name, over the rows that choose_x takes; 1 for fewer than
/// least_screened_rows complete ones. screening_problem must be empty. Throws UserError as open_dataset does.
double told_beyond_linear(const DataOptions& options, uint64_t seed);

}  // namespace fluxsbi::data
