// What a corner plot shows: draws by column, axes, and their histograms and densities as gnuplot datablocks.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "report/axis.hpp"
#include "report/corner.hpp"
#include "report/density.hpp"

namespace fluxsbi::report {

using Columns = std::vector<std::vector<double>>;  ///< [d][n]

struct CornerData {
  Columns samples, reference;  ///< finite rows alone; reference[0] may be empty
  std::vector<Axis> axes;      ///< [d], with the bins of the pairs' densities
  int histogram_bins = 0;

  bool has_reference() const { return !reference[0].empty(); }
};

/// Checks the plot (corner_script says what it throws) and chooses the axes for panels of `panel` pixels.
CornerData corner_data(const CornerPlot& plot, int panel);

/// Histogram of a column as the datablock `name`, for `steps` and `fillsteps`; returns its highest density.
double write_histogram(std::ostream& out, const std::string& name, const std::vector<double>& values,
                       Axis axis, int bins);

/// The density of two columns, on twice as many bins as the axes have where it is too fine for them.
struct ShownDensity {
  Density density;
  std::vector<double> levels;  ///< of the regions that hold contour_masses of the draws
};
ShownDensity shown_density(const std::vector<double>& xs, const std::vector<double>& ys, const Axis& x,
                           const Axis& y);

/// A density as the datablock `name` of shades in 0..1, empty where it is negligible. Returns how to plot it:
/// "name matrix using (x):(y):(shade or NaN)" with the centres of the cells.
std::string write_shades(std::ostream& out, const std::string& name, const Density& density);

/// The contours of a density's levels as the datablock `name`.
void write_contours(std::ostream& out, const std::string& name, const ShownDensity& shown);

}  // namespace fluxsbi::report
