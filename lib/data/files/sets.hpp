// Sets of varying size: x [elements, channels], in which an element that is NaN in all channels is absent.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace fluxsbi::data {

/// What keeps a row from being a set of finite elements; empty if nothing does. A row without any element is
/// none either.
std::string set_problem(std::span<const double> row, int64_t channels);

}  // namespace fluxsbi::data
