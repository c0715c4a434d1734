#include "report/corner_data.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"

namespace fluxsbi::report {

namespace {

// Bins of smoothing below which a density is drawn on twice as many bins.
constexpr double fine_bandwidth = 1.5;
// Densities outside the smallest region with this share of the mass have no shade.
constexpr double shown_mass = 0.99;
// Shades follow (density above the least shown)^gamma, which shows more of the low densities than density
// itself.
constexpr double shade_gamma = 0.6;
constexpr int values_a_bin = 50;  // of a histogram whose values lie mostly beyond the axis

// The finite rows of a set, by column.
Columns columns_of(const DrawSet& set, size_t d) {
  Columns columns(d);
  for (size_t row = 0; row + d <= set.values.size(); row += d) {
    const auto values = set.values.subspan(row, d);
    if (!std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); })) continue;
    for (size_t j = 0; j < d; ++j) columns[j].push_back(values[j]);
  }
  return columns;
}

void check(const CornerPlot& plot) {
  const size_t d = plot.names.size();
  if (d == 0 || d > CornerPlot::most_dimensions)
    throw core::UserError("a corner plot shows 1 to " + std::to_string(CornerPlot::most_dimensions) +
                          " parameters, not " + std::to_string(d) + "; choose some of them");
  for (const DrawSet* set : {&plot.samples, &plot.reference, &plot.prior})
    if (set->values.size() % d != 0)
      throw core::UserError("corner plot: " + set->label + " does not have " + std::to_string(d) +
                            " columns, one for each name");
  if ((!plot.truth.empty() && plot.truth.size() != d) || (!plot.limits.empty() && plot.limits.size() != d))
    throw core::UserError("corner plot: true parameters and limits need one entry for each of the " +
                          std::to_string(d) + " names");
  for (const auto& [low, high] : plot.limits)
    if (!(low < high)) throw core::UserError("corner plot: a limit's lower end is not below its upper end");
}

// The range that shows all sets and the true value.
Axis choose_axis(const CornerPlot& plot, const CornerData& data, size_t column, int bins) {
  if (!plot.limits.empty()) return {plot.limits[column].first, plot.limits[column].second, bins};
  std::vector<double> values = data.samples[column];
  Axis axis = range_of(values, bins);
  if (data.has_reference()) {
    values = data.reference[column];
    const Axis other = range_of(values, bins);
    axis = {std::min(axis.low, other.low), std::max(axis.high, other.high), bins};
  }
  if (!plot.truth.empty() && std::isfinite(plot.truth[column])) {
    const double margin = 0.04 * (axis.high - axis.low);
    axis.low = std::min(axis.low, plot.truth[column] - margin);
    axis.high = std::max(axis.high, plot.truth[column] + margin);
  }
  return axis;
}

Axis twice_as_fine(const Axis& axis) {
  return {axis.low, axis.high, 2 * axis.bins};
}

}  // namespace

CornerData corner_data(const CornerPlot& plot, int panel) {
  check(plot);
  const size_t d = plot.names.size();
  CornerData data;
  data.samples = columns_of(plot.samples, d);
  data.reference = columns_of(plot.reference, d);
  data.prior = columns_of(plot.prior, d);
  if (data.samples[0].empty())
    throw core::UserError("corner plot: " + plot.samples.label + " holds no finite draw");
  for (size_t j = 0; j < d; ++j) data.axes.push_back(choose_axis(plot, data, j, std::clamp(panel, 80, 400)));
  const double n = static_cast<double>(data.samples[0].size());
  data.histogram_bins = std::clamp(static_cast<int>(3 * std::cbrt(n)), 20, std::clamp(panel / 4, 20, 80));
  return data;
}

Bars histogram_bars(const std::vector<double>& values, Axis axis, int bins) {
  axis.bins = bins;
  Bars bars{{}, histogram(values, axis)};
  for (int edge = 0; edge <= bins; ++edge) bars.edges.push_back(axis.low + edge * axis.width());
  return bars;
}

Bars coarse_bars(const std::vector<double>& values, const Axis& axis, int most_bins) {
  const auto inside = std::count_if(values.begin(), values.end(),
                                    [&](double value) { return value >= axis.low && value < axis.high; });
  return histogram_bars(values, axis, std::clamp(static_cast<int>(inside / values_a_bin), 1, most_bins));
}

ShownDensity shown_density(const std::vector<double>& xs, const std::vector<double>& ys, const Axis& x,
                           const Axis& y) {
  ShownDensity shown{estimate_density(xs, ys, x, y), {}};
  if (shown.density.bandwidth < fine_bandwidth)
    shown.density = estimate_density(xs, ys, twice_as_fine(x), twice_as_fine(y));
  for (const double mass : contour_masses) shown.levels.push_back(share_level(shown.density, xs, ys, mass));
  return shown;
}

std::vector<double> shade_levels(const Density& density, int count) {
  const double peak = *std::max_element(density.values.begin(), density.values.end());
  const double shown = mass_level(density, shown_mass);
  std::vector<double> levels;
  for (int k = 0; k < count; ++k)
    levels.push_back(shown + (peak - shown) * std::pow(static_cast<double>(k) / count, 1 / shade_gamma));
  return levels;
}

}  // namespace fluxsbi::report
