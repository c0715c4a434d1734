// Whether linear functions of x tell what x tells of theta.
#pragma once

#include "data/symmetry/symmetry_test.hpp"

namespace fluxsbi::data {

/// The share of variance that x explains beyond linear summaries, of that function of theta of which it is
/// the most. The summaries are what a linear regression of each parameter on x predicts; the functions are
/// the first three Legendre polynomials of the ranks of what it leaves, and products of two such ranks.
/// What the summaries' own polynomials and products tell of them is taken out; then a ridge regression on
/// two polynomials of the rank of each value of x, of half of the rows, predicts the other half. Both
/// halves' mean. Statistics that no polynomial of a single value tells are overlooked.
double told_beyond_linear(const JudgedRows& rows);
/// Up to this share a network sees linear functions of x alone (docs/recipe.md, "x of a hundred values").
inline constexpr double most_beyond_linear = 0.05;

}  // namespace fluxsbi::data
