// Densities of samples on grids, for pictures.
#pragma once

#include <span>
#include <vector>

#include "report/axis.hpp"

namespace fluxsbi::report {

/// Share of `values` in each bin divided by the bin's width, [bins]; values outside the axis count in the
/// whole.
std::vector<double> histogram(std::span<const double> values, const Axis& axis);

/// A density on a grid: value(x, y) at the centres of the bins.
struct Density {
  Axis x, y;
  std::vector<double> values;  ///< [y.bins, x.bins]
  double bandwidth = 0;        ///< of the Gaussian kernel, in bins

  double at(int column, int row) const { return values[static_cast<size_t>(row) * x.bins + column]; }
};

/// Kernel density estimate of the points (xs[i], ys[i]): their histogram smoothed by a Gaussian as wide in
/// bins along both axes. The width is the one under which either half of the points makes the other half
/// likeliest (two-fold likelihood cross-validation), so that fine crescents stay fine and few points become
/// smooth.
Density estimate_density(std::span<const double> xs, std::span<const double> ys, const Axis& x,
                         const Axis& y);

/// The level c for which {density >= c} is the smallest region with the share `mass` of the grid's whole mass
/// (highest-density region); 0 < mass < 1.
double mass_level(const Density& density, double mass);

/// The level c for which {density >= c} holds the share `share` of the points (xs[i], ys[i]): the
/// highest-density region of draws themselves (Hyndman 1996), which the smoothing does not widen; 0 < share
/// < 1.
double share_level(const Density& density, std::span<const double> xs, std::span<const double> ys,
                   double share);

}  // namespace fluxsbi::report
