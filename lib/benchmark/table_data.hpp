// The table of a benchmark for programs.
#pragma once

#include <string>
#include <vector>

#include "benchmark/outcome.hpp"

namespace fluxsbi::benchmark {

/// A line an entry; empty cells where a number is not there. The columns of the observations are as many as
/// the entry with the most has.
std::string table_csv(const std::vector<Outcome>& outcomes);

/// An array with an object an entry; null where a number is not there.
std::string table_json(const std::vector<Outcome>& outcomes);

}  // namespace fluxsbi::benchmark
