#include "data/prior/truncated_normal.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace fluxsbi::data {

namespace {

// log of the mass above z >= 0. Beyond 25, where erfc comes near its smallest value, by the leading terms of
// its asymptotic series (relative error 1e-5).
double log_tail(double z) {
  if (z < 25) return std::log(0.5 * std::erfc(z / std::numbers::sqrt2));
  return -0.5 * z * z - std::log(z * std::sqrt(2 * std::numbers::pi)) + std::log1p(-1 / (z * z));
}

}  // namespace

double log_normal_mass(double low, double high) {
  if (high < 0) return log_normal_mass(-high, -low);  // the tail above 0 keeps its digits
  if (low < 0) {
    return std::log(0.5 * (std::erf(high / std::numbers::sqrt2) - std::erf(low / std::numbers::sqrt2)));
  }
  const double outer = log_tail(low);
  return outer + std::log1p(-std::exp(log_tail(high) - outer));
}

double truncated_normal_quantile(double u, double low, double high) {
  // Beyond `far` lies less than 1e-300 of the probability. The halvings below would not come down to the
  // scale of the distribution from ends at 1e20, which people write for "no end".
  constexpr double far = 40;
  low = std::max(low, std::min(-far, high - far));
  high = std::min(high, std::max(far, low + far));
  constexpr int halvings = 60;  // leaves 1e-18 of the interval
  const double log_share = std::log(u) + log_normal_mass(low, high);
  double below = low, above = high;
  for (int i = 0; i < halvings; ++i) {
    const double middle = 0.5 * (below + above);
    const bool too_far = middle > low && log_normal_mass(low, middle) > log_share;
    (too_far ? above : below) = middle;
  }
  return 0.5 * (below + above);
}

}  // namespace fluxsbi::data
