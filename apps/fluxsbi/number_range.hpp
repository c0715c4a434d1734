// Ranges of numbers on the command line.
#pragma once

#include <CLI/CLI.hpp>

namespace fluxsbi::app {

/// Options that take numbers above 0, or from 0 on; the error says so and names what was found.
CLI::Validator above_zero();
CLI::Validator at_least_zero();

/// From `low` to `high`, both included. NaN lies in no range, though CLI::Range lets it pass.
CLI::Validator within(double low, double high);

/// Steps of a fixed-step solver: the range of the key sampling.steps, for which such an option stands.
CLI::Validator solver_steps();

/// Numbers, of which NaN and infinity are none.
CLI::Validator finite();

/// Makes every option of `command` that takes whole numbers read decimal digits alone, and refuse what 64
/// bits cannot hold.
void read_whole_numbers_in_base_ten(CLI::App& command);

}  // namespace fluxsbi::app
