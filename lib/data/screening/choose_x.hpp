// Puts the values of x that have to do with theta in place of data.use_x: auto.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/data_options.hpp"
#include "data/shape.hpp"
#include "data/symmetry/symmetry_test.hpp"

namespace fluxsbi::data {

/// Why values of x of this shape cannot be screened, a clause; "" where they can: x is no vector of numbers
/// that are always there, or has more than most_screened_values of them.
std::string screening_problem(const DataShape& shape, const DataOptions& options);

/// The rows by which questions about x are answered.
struct XRows {
  DataShape shape;
  std::vector<std::string> names;  ///< of the values of x
  JudgedRows rows;                 ///< complete ones, evenly spaced, at most most_screened_rows

  bool enough() const;  ///< least_screened_rows or more
};

/// Opens the data that `options` name, with the values of x that they name; `auto` means all. `seed` is that
/// of a task's simulations. Throws UserError as open_dataset does.
XRows rows_about_x(DataOptions options, uint64_t seed);

/// What `auto` chose and why, clauses: "x_3, x_17 (2 of 100 values)" and "the others show no dependence ...".
struct ChosenX {
  std::string choice, reason;
};

/// Screens rows of all values of x. options.use_x becomes the names of the values that are kept, or all, and
/// `rows` holds these alone.
ChosenX choose_x(XRows& rows, DataOptions& options);
/// The same of the data that `options` name.
ChosenX choose_x(DataOptions& options, uint64_t seed);

}  // namespace fluxsbi::data
