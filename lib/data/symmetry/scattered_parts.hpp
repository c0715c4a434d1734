// Parts of x that may stand in any order, wherever their values stand in a row.
#pragma once

#include <functional>
#include <vector>

#include "data/symmetry/symmetry.hpp"
#include "data/symmetry/symmetry_test.hpp"

namespace fluxsbi::data {

/// Exchanges of single values of x, or of equal parts whose values stand anywhere, with other values of
/// x beside them that stay. Values that alone say the same of theta, (theta, x_i) being distributed as
/// (theta, x_j), are of one kind. Where any order of a kind's values `holds`, that is the symmetry.
/// Else each part has one value of each of several kinds: an exchange of two values of a kind goes
/// wrong beside a third value that belongs to one of them. `level`: the probability that equal values
/// count as different.
std::vector<Symmetry> find_scattered_parts(const SymmetryTest& test, double level,
                                           const std::function<bool(const Symmetry&)>& holds);

}  // namespace fluxsbi::data
