// Means and standard deviations of columns, NaN passed over.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace fluxsbi::diagnose {

struct Moments {
  size_t count = 0;                ///< of values that are not NaN
  double mean = 0, deviation = 0;  ///< standard deviation with count - 1; 0 for fewer than two values
  double standard_error() const;   ///< of the mean
};

/// Of values[first], values[first + stride], ... below the end.
Moments moments_of(std::span<const double> values, size_t first = 0, size_t stride = 1);

/// The value below which the share `share` of `sorted` (not empty, ascending) lies, linear between
/// neighbours.
double quantile_of(std::span<const double> sorted, double share);

}  // namespace fluxsbi::diagnose
