#include "sample/prior_ratio.hpp"

#include <cmath>
#include <limits>

namespace fluxsbi::sample {

double PriorRatio::log_ratio(std::span<const double> theta) const {
  const double ratio = other_.log_prob(theta) - training_.log_prob(theta);
  return std::isfinite(ratio) ? ratio : -std::numeric_limits<double>::infinity();
}

}  // namespace fluxsbi::sample
