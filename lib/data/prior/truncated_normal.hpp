// A standard normal between two bounds, also far out in its tails.
#pragma once

namespace fluxsbi::data {

/// log(Phi(high) - Phi(low)) for low < high, of the standard normal's distribution function Phi.
double log_normal_mass(double low, double high);

/// The z in [low, high] below which the share u in [0, 1] of the mass between the bounds lies, which may be
/// infinite.
double truncated_normal_quantile(double u, double low, double high);

}  // namespace fluxsbi::data
