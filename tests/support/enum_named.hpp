// Enumerators by their names, for tests that take names from a generator or a file.
#pragma once

#include <algorithm>
#include <string_view>

#include "config/rules.hpp"
#include "core/error.hpp"

namespace fluxsbi::test {

/// Throws InternalError for a name that no enumerator has.
template <config::NamedEnum E>
E enum_named(std::string_view name) {
  const std::span<const std::string_view> names = enum_names(E{});
  const auto found = std::find(names.begin(), names.end(), name);
  core::require(found != names.end(), "a name of the enum");
  return static_cast<E>(found - names.begin());
}

}  // namespace fluxsbi::test
