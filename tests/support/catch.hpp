// Catch2 for tests that see LibTorch, whose logging header has a CHECK of its own that ends the program.
// Several files are compiled as one, so each of them takes Catch2 from here alone.
#pragma once

#include <c10/util/Logging.h>
#undef CHECK
#undef CHECK_NOTNULL

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
