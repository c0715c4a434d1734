// The style sheet of a report's page; figures have their own (style.hpp).
#pragma once

#include <string_view>

namespace fluxsbi::report {

/// Light and dark by the reader's wish, light on paper; from 320 pixels on the page never scrolls sideways.
std::string_view page_sheet();

}  // namespace fluxsbi::report
