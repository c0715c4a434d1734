// What a corner plot shows: draws by column, axes, histograms and densities.
#pragma once

#include <algorithm>
#include <vector>

#include "report/axis.hpp"
#include "report/corner.hpp"
#include "report/density.hpp"

namespace fluxsbi::report {

using Columns = std::vector<std::vector<double>>;  ///< [d][n]

struct CornerData {
  Columns samples, reference, prior;  ///< finite rows alone; reference[0] and prior[0] may be empty
  std::vector<Axis> axes;             ///< [d], with the bins of the pairs' densities
  int histogram_bins = 0;

  bool has_reference() const { return !reference[0].empty(); }
  bool has_prior() const { return !prior[0].empty(); }
};

/// Checks the plot (corner_figure says what it throws) and chooses the axes for panels of `panel` pixels.
CornerData corner_data(const CornerPlot& plot, int panel);

/// A histogram: densities [n] between edges [n + 1].
struct Bars {
  std::vector<double> edges, heights;

  double peak() const { return heights.empty() ? 0 : *std::max_element(heights.begin(), heights.end()); }
};

/// Equal bins over the axis; values beyond it count in the whole.
Bars histogram_bars(const std::vector<double>& values, Axis axis, int bins);

/// The same with fewer bins where few of the values lie on the axis, as those of a prior that is much wider
/// than the posterior: about fifty values a bin.
Bars coarse_bars(const std::vector<double>& values, const Axis& axis, int most_bins);

/// The density of two columns, on twice as many bins as the axes have where it is too fine for them.
struct ShownDensity {
  Density density;
  std::vector<double> levels;  ///< of the regions that hold contour_masses of the draws
};
ShownDensity shown_density(const std::vector<double>& xs, const std::vector<double>& ys, const Axis& x,
                           const Axis& y);

/// The levels at which shades 0 ... count - 1 begin, ascending; below the first the density is negligible.
std::vector<double> shade_levels(const Density& density, int count);

}  // namespace fluxsbi::report
