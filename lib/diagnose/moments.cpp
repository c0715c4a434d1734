#include "diagnose/moments.hpp"

#include <algorithm>
#include <cmath>

namespace fluxsbi::diagnose {

double Moments::standard_error() const {
  return count > 0 ? deviation / std::sqrt(static_cast<double>(count)) : 0;
}

Moments moments_of(std::span<const double> values, size_t first, size_t stride) {
  Moments result;
  double squares = 0;
  for (size_t i = first; i < values.size(); i += stride) {
    if (std::isnan(values[i])) continue;
    // Welford's update, which a large mean does not spoil.
    ++result.count;
    const double off = values[i] - result.mean;
    result.mean += off / static_cast<double>(result.count);
    squares += off * (values[i] - result.mean);
  }
  if (result.count > 1) result.deviation = std::sqrt(squares / static_cast<double>(result.count - 1));
  return result;
}

double quantile_of(std::span<const double> sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto left = static_cast<size_t>(at);
  const size_t right = std::min(left + 1, sorted.size() - 1);
  return sorted[left] + (at - static_cast<double>(left)) * (sorted[right] - sorted[left]);
}

}  // namespace fluxsbi::diagnose
