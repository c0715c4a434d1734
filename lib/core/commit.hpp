// The commit that the program was built from.
#pragma once

#include <string_view>

namespace fluxsbi::core {

/// "1a2b3c4d5e6f", followed by "-dirty" if the sources had changes; "unknown" outside a git checkout.
std::string_view source_commit();

}  // namespace fluxsbi::core
