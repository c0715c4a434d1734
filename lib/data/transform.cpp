#include "data/transform.hpp"

#include <algorithm>
#include <cmath>

#include "data/prior/special_functions.hpp"

namespace fluxsbi::data {

std::span<const std::string_view> enum_names(TransformKind) {
  static constexpr std::string_view names[] = {"none", "log", "logit", "asinh"};
  return names;
}

std::pair<double, double> Transform::distances(double value) const {
  return {has_low() ? std::max(value - low, low_margin) : 1,
          has_high() ? std::max(high - value, high_margin) : 1};
}

bool Transform::moves(double value) const {
  return (has_low() && value - low < low_margin) || (has_high() && high - value < high_margin);
}

double Transform::forward(double value) const {
  if (kind == TransformKind::none || std::isnan(value)) return value;
  if (kind == TransformKind::asinh) return std::asinh((value - centre) / width);
  const auto [above_low, below_high] = distances(value);
  return std::log(above_low) - std::log(below_high);
}

double Transform::inverse(double u) const {
  if (kind == TransformKind::none || std::isnan(u)) return u;
  if (kind == TransformKind::asinh) return centre + width * std::sinh(u);
  double value = 0;
  if (!has_high()) {
    value = low + std::exp(u);
  } else if (!has_low()) {
    value = high - std::exp(-u);
  } else if (u > 0) {  // from the nearer end, so that small distances keep their digits
    value = high - (high - low) / (1 + std::exp(u));
  } else {
    value = low + (high - low) / (1 + std::exp(-u));
  }
  if (has_low() && value <= low) value = std::nextafter(low, infinity);
  if (has_high() && value >= high) value = std::nextafter(high, -infinity);
  return value;
}

double Transform::log_slope(double value) const {
  if (kind == TransformKind::none) return 0;
  if (kind == TransformKind::asinh)
    return -std::log(width) - std::log(std::hypot(1, (value - centre) / width));
  const auto [above_low, below_high] = distances(value);
  const double slope = -std::log(above_low) - std::log(below_high);
  return kind == TransformKind::logit ? slope + std::log(high - low) : slope;
}

double Transform::log_slope_gradient(double u) const {
  switch (kind) {
    case TransformKind::none:
      break;
    case TransformKind::log:
      return has_low() ? -1 : 1;
    case TransformKind::logit:
      return std::tanh(u / 2);
    case TransformKind::asinh:
      return -std::tanh(u);
  }
  return 0;
}

Transform between(double low, double high) {
  constexpr double share = 1e-7, least = std::numeric_limits<float>::min();
  Transform transform;
  transform.low = low;
  transform.high = high;
  const bool both = transform.has_low() && transform.has_high();
  if (!transform.has_low() && !transform.has_high()) return transform;
  transform.kind = both ? TransformKind::logit : TransformKind::log;
  transform.low_margin = transform.high_margin = both ? share * (high - low) : least;
  return transform;
}

std::vector<Transform> between(const Range& range) {
  std::vector<Transform> transforms;
  for (size_t i = 0; i < range.low.size(); ++i) transforms.push_back(between(range.low[i], range.high[i]));
  return transforms;
}

bool is_end(double value, double end, bool single) {
  if (!std::isfinite(end)) return false;
  const double step = single ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
  return std::abs(value - end) <= step * std::abs(end);
}

}  // namespace fluxsbi::data
