// The table of a benchmark: entries beside published figures.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "benchmark/outcome.hpp"

namespace fluxsbi::benchmark {

/// The formats of a table: "terminal", "markdown", "csv", "json".
const std::vector<std::string>& table_formats();

/// The entries in a format of table_formats(). For people (terminal, markdown): a row an entry, and one of
/// the means where several seeds are there; columns that would be empty are left out; below it, whose the
/// published figures are. `each` adds a table of the scores at each observation. csv and json hold
/// everything, NaN as nothing and null.
std::string table(const std::vector<Outcome>& outcomes, const std::string& format, bool each = false);

}  // namespace fluxsbi::benchmark
