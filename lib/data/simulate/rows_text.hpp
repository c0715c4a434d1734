// The text that fluxsbi and the user's simulator exchange: rows of numbers as CSV.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fluxsbi::data {

/// One line of a simulator's output.
struct ParsedRow {
  std::vector<float> values;
  std::string problem;  ///< "'abc' is not a number"; the values are then void
};

/// CSV of `values` [rows, names.size()] with a header, 9 significant digits.
std::string write_rows(std::span<const std::string> names, std::span<const float> values);

/// The rows of a text: numbers separated by commas, semicolons, blanks and tabs in any mixture, with exponents of E or
/// of Fortran's D. What follows a # is comment. Empty lines are skipped, nothing between two commas is NaN. A first
/// line with a field that is no number is a header and skipped.
std::vector<ParsedRow> read_rows(std::string_view text);

}  // namespace fluxsbi::data
