#include "report/axis.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

namespace fluxsbi::report {

namespace {

constexpr double outer_fraction = 0.002;
constexpr double margin_fraction = 0.1;

std::string tick_text(double value, double step) {
  char text[32];
  const double size = std::max(std::abs(value), step);
  if (size >= 1e5 || step < 1e-4) {
    // Enough digits to tell neighbours apart, which a large offset asks for.
    const int digits = static_cast<int>(std::floor(std::log10(size)) - std::floor(std::log10(step))) + 1;
    std::snprintf(text, sizeof text, "%.*g", std::clamp(digits, 3, 15),
                  std::abs(value) < step / 2 ? 0.0 : value);
  } else {
    const int decimals = std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
    std::snprintf(text, sizeof text, "%.*f", decimals, std::abs(value) < step / 2 ? 0.0 : value);
  }
  return text;
}

std::vector<Tick> ticks_of_step(double low, double high, double step) {
  std::vector<Tick> found;
  const double slack = 1e-9 * (high - low);
  for (double k = std::ceil((low - slack) / step); k * step <= high + slack; ++k)
    found.push_back({k * step, tick_text(k * step, step)});
  return found;
}

}  // namespace

int Axis::bin_of(double value) const {
  if (!(value >= low && value < high)) return -1;
  return std::min(bins - 1, static_cast<int>((value - low) / width()));
}

Axis range_of(std::span<double> values, int bins) {
  const auto quantile = [&](double q) {
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), at, values.end());
    return static_cast<double>(*at);
  };
  const double low = quantile(outer_fraction), high = quantile(1 - outer_fraction);
  double margin = margin_fraction * (high - low);
  if (margin <= 1e-13 * std::abs(high)) margin = high == 0 ? 1 : 0.1 * std::abs(high);
  return {low - margin, high + margin, bins};
}

std::vector<Tick> ticks(double low, double high, int wanted) {
  double power = std::pow(10.0, std::floor(std::log10((high - low) / wanted)) - 1);
  std::vector<Tick> coarsest;
  for (;; power *= 10) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      std::vector<Tick> found = ticks_of_step(low, high, factor * power);
      if (static_cast<int>(found.size()) <= wanted && found.size() >= 2) return found;
      if (found.size() < 2) return coarsest.empty() ? found : coarsest;
      coarsest = std::move(found);
    }
  }
}

}  // namespace fluxsbi::report
