// Log-densities that priors and tasks share.
#pragma once

#include <cmath>

namespace fluxsbi::data {

/// log(2 pi) / 2
inline constexpr double half_log_two_pi = 0.91893853320467274178;

/// log N(value; mean, sd^2). sd > 0.
inline double log_normal(double value, double mean, double sd) {
  const double z = (value - mean) / sd;
  return -0.5 * z * z - std::log(sd) - half_log_two_pi;
}

}  // namespace fluxsbi::data
