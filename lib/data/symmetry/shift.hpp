// Parameters that only move values of x: locations.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/symmetry/symmetry.hpp"
#include "data/symmetry/symmetry_test.hpp"

namespace fluxsbi::data {

/// p(x | theta) stays the same when a number is added to one parameter and to values of x, or subtracted
/// from those whose sign is -1. Where the prior draws the parameter independently of the others, a simulation
/// whose parameter is replaced by that of another one, and whose x moves along, is a simulation as well.
struct Shift {
  size_t parameter = 0;
  std::vector<SignedPlace> moved;  ///< of x

  /// Moves `x` [x size] by what the parameter changes from `own` to `other`.
  void apply(double own, double other, std::span<double> x) const;
  /// The shift of the form's values that this is of the row's: of any sign, in the order of x.
  Shift carried(const RowForm& form) const;
  bool operator==(const Shift&) const = default;
};

/// Of a Symmetry whose kind is shift.
Shift shift_of(const Symmetry& symmetry);

/// What rows say against it: whether the parameter goes with anything of the other parameters and of x
/// without the parameter's part. (theta_j, theta_j of a row at random) may change places then
/// (SymmetryTest::judge).
SymmetryEvidence judge_shift(const JudgedRows& rows, const Shift& shift, double level);

/// One for each parameter that moves values of x by exactly as much as it changes, as far as a linear
/// regression of x on theta tells, and leaves the others: each slope must be known to within
/// most_slope_error and lie within most_slope_deviations of its standard errors from 0, 1 or -1.
/// `may_move` [x size] is 0 for values that must not move. So do values that are all whole or that repeat,
/// which no other number of the kind replaces.
std::vector<Symmetry> shift_candidates(const JudgedRows& rows, std::span<const uint8_t> may_move);
inline constexpr double most_slope_error = 0.12, most_slope_deviations = 4;

}  // namespace fluxsbi::data
