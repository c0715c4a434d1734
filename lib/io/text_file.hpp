// A whole text file in memory.
#pragma once

#include <string>

namespace fluxsbi::io {

/// Throws UserError for a file that cannot be read.
std::string read_text(const std::string& path);

}  // namespace fluxsbi::io
