// Texts as JSON, which this room writes by hand.
#pragma once

#include <string>
#include <string_view>

namespace fluxsbi::data {

/// The text in double quotes, as JSON has it.
std::string json_text(std::string_view text);

}  // namespace fluxsbi::data
