// Files that are built into the program.
#pragma once

#include <string_view>

namespace fluxsbi::benchmark {

/// lib/benchmark/published.csv: C2ST that others have published, with their sources.
std::string_view published_file();

/// scripts/c2st_forest.py: C2ST by scikit-learn's random forest.
std::string_view forest_script();

}  // namespace fluxsbi::benchmark
