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
  std::vector<double> values;
  std::string problem;  ///< "'abc' is not a number"; the values are then void
};

/// CSV of `values` [rows, names.size()] with a header: 9 significant digits for numbers of float32, as
/// many as tell it from its neighbours for any other. Names with a comma or a quote are quoted.
std::string write_rows(std::span<const std::string> names, std::span<const double> values);

/// The rows of a text: numbers separated by commas, semicolons, blanks and tabs in any mixture, with
/// exponents of E or of Fortran's D. What follows a # is comment. Empty lines are skipped. Nothing between
/// two commas is NaN, and so are NA, N/A, NULL and None. A first line with a field that is neither is a
/// header and skipped. Where digits behind commas show that these are decimal commas ("0,05"), every row has
/// that problem. What comes after `most` rows is not looked at.
std::vector<ParsedRow> read_rows(std::string_view text, size_t most = SIZE_MAX);

/// Each `lines` rows as one; what is left over at the end is dropped.
std::vector<ParsedRow> joined_lines(std::vector<ParsedRow> rows, size_t lines);

}  // namespace fluxsbi::data
