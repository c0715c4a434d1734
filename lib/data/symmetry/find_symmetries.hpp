// Symmetries of simulations: those that a config names, or that are found in the data.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/shape.hpp"
#include "data/source/row_source.hpp"
#include "data/symmetry/shift.hpp"
#include "data/symmetry/symmetry.hpp"
#include "data/symmetry/symmetry_test.hpp"

namespace fluxsbi::data {

/// The rows that symmetries are looked for in.
struct SymmetryFacts {
  DataShape shape;
  RowNames names;                     ///< of all values of a row (feature_names)
  std::span<const int64_t> training;  ///< row numbers
  /// [x size], 0 for values that a shift must not move, because they have an end beyond which there are none;
  /// empty: all may move.
  std::vector<uint8_t> may_move = {};
};

struct ChosenSymmetries {
  std::vector<RowForm> forms;  ///< of a row, the first of which is the row itself; empty: no symmetry
  std::vector<Shift> shifts;   ///< by which all forms but the first move, too
  std::string text;            ///< the symmetries, as data.symmetries has them
  std::string remark;          ///< for the log: what was found or refused, and why; may be empty
};

/// `wanted` is data.symmetries. "auto" tries the other sign of each parameter; exchanges of each pair
/// of parameters, with and without a change of their signs; any order of equal parts of x, one after
/// the other or interleaved, or else wherever their values stand between others (scattered_parts.hpp);
/// any order of parameters that each have such a part, and their common change of signs; that of
/// all of theta and x; other changes of signs and places at once (reflections.hpp); and parameters that
/// move x by as much as they change (shift.hpp). It needs least_symmetry_rows to most_symmetry_rows
/// training rows and at most most_symmetry_values values of a row, because among more the test
/// overlooks dependences that are spread over many of them. Where values of x may be missing, which of
/// them are missing must be as symmetric as the values. A symmetry that does not hold makes posteriors a
/// mean of those of all forms, rather too wide than too narrow. Named symmetries are tried as well.
/// Training sees as many forms of a row as make most_formed_rows of them, and at least two where they
/// are named. Throws UserError as parse_symmetries does, for a named one that the rows clearly
/// contradict, and for a named shift of values that must not move.
ChosenSymmetries choose_symmetries(const std::string& wanted, const RowSource& rows,
                                   const SymmetryFacts& facts);
/// How many forms of a row the symmetries make that "auto" finds in these rows, `most` at most; `most` where
/// there are shifts. The rows are at least least_symmetry_rows.
int64_t count_forms(const JudgedRows& rows, int64_t x_channels, int64_t most);

/// Of more rows a network learns what the 10,000 that are judged do not show.
inline constexpr int64_t least_symmetry_rows = 500, most_symmetry_rows = 50'000, most_symmetry_values = 24,
                         most_formed_rows = 250'000;

}  // namespace fluxsbi::data
