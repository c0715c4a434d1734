// The message of a mistake that a user is told of.
#pragma once

#include <functional>
#include <string>

#include <catch2/catch_test_macros.hpp>

#include "core/error.hpp"

namespace fluxsbi::test {

/// The message of the UserError that `work` throws; anything else fails the test.
inline std::string error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const core::UserError& error) {
    return error.what();
  }
  FAIL("no UserError was thrown");
  return "";
}

}  // namespace fluxsbi::test
