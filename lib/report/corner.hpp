// The corner plot: marginals on the diagonal, every pair of parameters below it.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "report/figure.hpp"

namespace fluxsbi::report {

/// Draws [n, d], row-major. Rows that hold NaN or infinity (draws that could not be filled) are left out.
struct DrawSet {
  std::string label;               ///< in the legend, e.g. "posterior"
  std::span<const double> values;  ///< n d numbers
};

struct CornerPlot {
  std::vector<std::string> names;  ///< [d], d = 1..most_dimensions; theta_0 is drawn as the Greek letter
  DrawSet samples;
  DrawSet reference;  ///< overlaid in another colour; no values: none
  DrawSet prior;      ///< a grey line on the diagonal, within the range of the others; no values: none
  std::vector<double> truth;  ///< [d] true parameters as dashed lines; empty: none
  std::string title;          ///< empty: none
  /// [d] ranges shown; empty: from samples, reference and truth.
  std::vector<std::pair<double, double>> limits;
  /// Pixels of a panel, with small letters around it; 0: as many as make a picture of 900 pixels, more for
  /// many parameters.
  int panel = 0;

  static constexpr size_t most_dimensions = 40;  ///< a picture of 6,860 pixels
};

/// Shares of the draws inside the two contours (highest-density regions).
inline constexpr double contour_masses[] = {0.5, 0.9};

/// Draws that stand among the figure's numbers; of more, as many at equal distances.
inline constexpr size_t most_draws_listed = 2000;

/// A figure that is square but for long labels. Throws UserError for no finite draw, numbers of columns that
/// differ from names.size(), an empty range, or more than most_dimensions.
Figure corner_figure(const CornerPlot& plot);

}  // namespace fluxsbi::report
