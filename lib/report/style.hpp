// The look that all figures share.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fluxsbi::report::style {

// Classes of marks: a shape (line, area, ...) and whose it is, which decides its colour.
inline constexpr int shades = 10;  ///< shade s0 (least dense) ... s9, of filled contours
inline constexpr int series = 8;   ///< colours c0 ... c7 of curves side by side

/// "line c3": the class of the index-th of several curves; colours repeat after `series`, dashed then.
std::string curve_class(size_t index);

/// The style sheet of figures. Its rules hold inside class "figure" alone. Dark rules apply on screens whose
/// user asks for them, never on paper.
std::string_view figure_sheet();

/// 12,345
std::string grouped(long long count);

}  // namespace fluxsbi::report::style
