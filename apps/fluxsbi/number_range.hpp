// Ranges of numbers on the command line.
#pragma once

#include <CLI/CLI.hpp>

namespace fluxsbi::app {

/// Options that take numbers above 0, or from 0 on; the error says so and names what was found.
CLI::Validator above_zero();
CLI::Validator at_least_zero();

/// Numbers, of which NaN and infinity are none.
CLI::Validator finite();

}  // namespace fluxsbi::app
