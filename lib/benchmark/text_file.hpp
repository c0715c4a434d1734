// A whole text file in memory.
#pragma once

#include <string>

namespace fluxsbi::benchmark {

/// Throws UserError for a file that cannot be read.
std::string text_of_file(const std::string& path);

}  // namespace fluxsbi::benchmark
