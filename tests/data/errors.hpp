// Matching the sentence of a UserError.
#pragma once

#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "core/error.hpp"

/// `expression` throws a UserError whose message holds each of the given texts.
#define REQUIRE_USER_ERROR(expression, matcher) \
  REQUIRE_THROWS_MATCHES(expression, fluxsbi::core::UserError, Catch::Matchers::MessageMatches(matcher))

namespace fluxsbi::test {

inline auto says(const std::string& text) {
  return Catch::Matchers::ContainsSubstring(text);
}

}  // namespace fluxsbi::test
