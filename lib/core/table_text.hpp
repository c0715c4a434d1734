// Tables as text for people.
#pragma once

#include <string>
#include <vector>

namespace fluxsbi::core {

/// The cells of rows of equal length in columns two blanks apart: the first `left` columns to the left,
/// others to the right. Each line begins with `indent` and ends with a newline, without blanks before it.
/// Widths count characters of UTF-8.
std::string aligned_table(const std::vector<std::vector<std::string>>& rows, const std::string& indent = "",
                          size_t left = 1);

/// The number with `decimals` digits behind the point, or in scientific notation where that would be longer
/// than 12 characters. "-" for NaN.
std::string decimals_text(double value, int decimals);

/// The number with four significant digits, or as many as tell a tenth of a deviation: 5000000.74 of a
/// sample with deviation 0.96, where four digits would be 5e+06 for all its draws. "-" for NaN.
std::string resolved_text(double value, double deviation);

}  // namespace fluxsbi::core
