// Which values of x have to do with theta.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/symmetry/symmetry_test.hpp"

namespace fluxsbi::data {

/// The values of x that are worth a network's attention.
struct Screening {
  std::vector<int64_t> kept;  ///< their places, ascending; all where none is left out
  std::string reason;         ///< why the others are left out, or why none is; a clause
};

/// Screens single values of x, as Fan and Lv 2008 ("Sure independence screening"), and looks at pairs and
/// at all of them together. Each value is replaced by its rank. What counts is a correlation that chance
/// gives with a probability of `screening_level` among all that are looked at (Bonferroni), in magnitude, of
/// - the first three Legendre polynomials of a value's rank with those of a parameter's, and with products of
///   two parameters' ranks;
/// - products of two values' ranks (20,000 of them at random where there are more) with the same;
/// - the first two polynomials of a value with those of another one that is kept: it may tell its noise.
/// What is left over must not tell of theta together, either: where a ridge regression of half of the rows
/// does so in the other half, for any of these functions of theta or of the kept values, all values are kept.
/// So are values that do not vary. A value that tells of theta with two others alone is not found.
/// `rows` are least_screened_rows or more, of at most most_screened_values values of x.
Screening screen_values(const JudgedRows& rows);
inline constexpr double screening_level = 0.01;
inline constexpr int64_t least_screened_rows = 500, most_screened_rows = 10'000, most_screened_values = 500;

}  // namespace fluxsbi::data
