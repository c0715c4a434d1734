// Symmetries that mirror: other signs, or other places, of some parameters and values of x at once.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "data/symmetry/symmetry.hpp"
#include "data/symmetry/symmetry_test.hpp"

namespace fluxsbi::data {

/// Changes of signs of any values, and exchanges of pairs of values with changes of signs beside them, that
/// `holds` accepts and that `known` ones do not generate.
///
/// What to try is read off correlations of two and three ranks. Where one is clear, the signs of its values
/// must multiply to 1, or to what makes it the one of the places that the values go to: a linear system over
/// two elements, whose solutions are tried. Places that change are those of up to most_mirrored parameters,
/// and of x the values of all its parts (an exchange among `known`) at once, or of up to most_mirrored values
/// without parts; correlations of their ranks must be the same in magnitude. At most most_tried are tried.
std::vector<Symmetry> find_reflections(const SymmetryTest& test, std::span<const Symmetry> known,
                                       const std::function<bool(const Symmetry&)>& holds);
inline constexpr size_t most_mirrored = 6, most_tried = 80;

}  // namespace fluxsbi::data
