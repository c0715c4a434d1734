// Tables for terminals.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace fluxsbi::core {

/// Rows of as many cells each, two blanks between columns and a line break behind each row. The first `left` columns
/// start at one place, the others end at one. Characters of UTF-8 count as one each.
std::string aligned_table(std::span<const std::vector<std::string>> rows, size_t left = 1);

}  // namespace fluxsbi::core
