// Whether bytes are text.
#pragma once

#include <string_view>

namespace fluxsbi::core {

/// Whether `text` is well-formed UTF-8 (RFC 3629): no byte out of place, no surrogates, nothing above
/// U+10FFFF, no longer form than needed. JSON and YAML hold nothing else.
bool is_utf8(std::string_view text);

}  // namespace fluxsbi::core
