// The corner plot: marginals on the diagonal, every pair of parameters below it.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

namespace fluxsbi::report {

/// Draws [n, d], row-major. Rows that hold NaN or infinity (draws that could not be filled) are left out.
struct DrawSet {
  std::string label;               ///< in the legend, e.g. "posterior"
  std::span<const double> values;  ///< n d numbers
};

struct CornerPlot {
  std::vector<std::string> names;  ///< [d], d = 1..most_dimensions; theta_0 is drawn as the Greek letter
  DrawSet samples;
  DrawSet reference;          ///< overlaid in another colour; no values: none
  std::vector<double> truth;  ///< [d] true parameters as dashed lines; empty: none
  std::string title;          ///< empty: none
  /// [d] curves of (parameter, density), thin lines on the diagonal: the prior's marginals. Empty: none.
  std::vector<std::vector<std::pair<double, double>>> prior;
  /// [d] ranges shown; empty: from samples, reference and truth.
  std::vector<std::pair<double, double>> limits;

  static constexpr size_t most_dimensions = 40;  ///< a picture of 6,860 pixels
};

/// Shares of the draws inside the two contours (highest-density regions).
inline constexpr double contour_masses[] = {0.5, 0.9};

/// A gnuplot script without terminal and output, and the size of the picture in pixels (square).
struct CornerScript {
  std::string text;
  int size = 0;
};

/// Throws UserError for no finite draw, numbers of columns or curves that differ from names.size(), an empty
/// range, or more than most_dimensions.
CornerScript corner_script(const CornerPlot& plot);

/// Draws the plot as .png or .svg at `path` with gnuplot (gnuplot.hpp); 900 x 900 pixels for two parameters,
/// larger for more. Throws as corner_script and draw do.
void draw_corner(const CornerPlot& plot, const std::string& path);

}  // namespace fluxsbi::report
