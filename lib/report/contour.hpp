// Contour lines of a density on a grid.
#pragma once

#include <utility>
#include <vector>

#include "report/density.hpp"

namespace fluxsbi::report {

/// Points (x, y) joined by straight lines; a closed line ends where it began.
using Polyline = std::vector<std::pair<double, double>>;

/// The lines where the density, interpolated linearly between the bins' centres, crosses `level`: marching
/// squares (Lorensen & Cline 1987 in two dimensions; a saddle is decided by its mean). Outside the grid the
/// density counts as 0 one bin further, so that regions that reach the border are closed there.
std::vector<Polyline> contour_lines(const Density& density, double level);

}  // namespace fluxsbi::report
