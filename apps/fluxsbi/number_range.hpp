// Ranges of numbers on the command line.
#pragma once

#include <CLI/CLI.hpp>

namespace fluxsbi::app {

/// Options that take numbers above 0, or from 0 on; the error says so and names what was found.
CLI::Validator above_zero();
CLI::Validator at_least_zero();

/// From `low` to `high`, both included. NaN lies in no range, though CLI::Range lets it pass.
CLI::Validator within(double low, double high);

/// Numbers, of which NaN and infinity are none.
CLI::Validator finite();

}  // namespace fluxsbi::app
