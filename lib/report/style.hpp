// The look that all pictures share.
#pragma once

#include <string>

namespace fluxsbi::report::style {

inline constexpr const char* primary = "#1f5fa8";  // our own results: blue
inline constexpr const char* primary_dark = "#123a6b";
inline constexpr const char* primary_light = "#c9dcf0";
inline constexpr const char* second =
    "#e0701a";  // what they are compared with: orange, safe for the colour-blind
inline constexpr const char* truth = "#262626";
inline constexpr const char* ink = "#3c4043";  // text
inline constexpr const char* faint_ink = "#80868b";
inline constexpr const char* frame = "#9aa0a6";
inline constexpr const char* grid = "#eceff1";

/// Frame, ticks, grid and text of a panel.
std::string panel();

/// 12,345
std::string grouped(long long count);

}  // namespace fluxsbi::report::style
