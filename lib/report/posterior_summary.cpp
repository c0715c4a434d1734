#include "report/posterior_summary.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace fluxsbi::report {

namespace {

constexpr double densest_share = 0.1;  // of the draws, in the interval around the mode

double quantile_of(const std::vector<double>& sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], at - static_cast<double>(below));
}

double mode_of(const std::vector<double>& sorted) {
  const auto inside = static_cast<size_t>(densest_share * static_cast<double>(sorted.size()));
  const size_t reach = std::min(std::max<size_t>(inside, 2), sorted.size()) - 1;
  size_t best = 0;
  for (size_t i = 0; i + reach < sorted.size(); ++i)
    if (sorted[i + reach] - sorted[i] < sorted[best + reach] - sorted[best]) best = i;
  return std::midpoint(sorted[best], sorted[best + reach]);
}

VariableSummary summary_of(std::vector<double> values, const std::string& name) {
  constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  VariableSummary summary{name, std::ssize(values), unknown, unknown, {}, unknown};
  summary.quantiles.fill(unknown);
  if (values.empty()) return summary;
  std::sort(values.begin(), values.end());
  const double n = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;
  summary.mean = sum / n;
  for (const double value : values) squares += (value - summary.mean) * (value - summary.mean);
  if (values.size() > 1) summary.deviation = std::sqrt(squares / (n - 1));
  for (size_t k = 0; k < summary.quantiles.size(); ++k)
    summary.quantiles[k] = quantile_of(values, VariableSummary::shares[k]);
  summary.mode = mode_of(values);
  return summary;
}

}  // namespace

std::vector<VariableSummary> summarise(std::span<const double> draws, std::span<const std::string> names) {
  std::vector<VariableSummary> summaries;
  for (size_t j = 0; j < names.size(); ++j) {
    std::vector<double> column;
    for (size_t i = j; i < draws.size(); i += names.size())
      if (std::isfinite(draws[i])) column.push_back(draws[i]);
    summaries.push_back(summary_of(std::move(column), names[j]));
  }
  return summaries;
}

}  // namespace fluxsbi::report
