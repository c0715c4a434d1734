#include "report/corner_data.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <ostream>

#include "core/error.hpp"
#include "report/contour.hpp"

namespace fluxsbi::report {

namespace {

// Bins of smoothing below which a density is drawn on twice as many bins.
constexpr double fine_bandwidth = 1.5;
// Densities outside the smallest region with this share of the mass are left white.
constexpr double shown_mass = 0.99;
// Colour follows (density above the least shown)^gamma, which shows more of the low densities than density
// itself and fades into the white.
constexpr double shade_gamma = 0.6;

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
  for (const DrawSet* set : {&plot.samples, &plot.reference})
    if (set->values.size() % d != 0)
      throw core::UserError("corner plot: " + set->label + " does not have " + std::to_string(d) +
                            " columns, one for each name");
  if ((!plot.truth.empty() && plot.truth.size() != d) || (!plot.limits.empty() && plot.limits.size() != d) ||
      (!plot.prior.empty() && plot.prior.size() != d))
    throw core::UserError(
        "corner plot: true parameters, curves of the prior and limits need one entry for each of the " +
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

// As printf's %g, whatever the locale.
std::string number(double value, int digits) {
  char text[40];
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::general, digits).ptr;
  return {text, end};
}

Axis twice_as_fine(const Axis& axis) {
  return {axis.low, axis.high, 2 * axis.bins};
}

// The centres of the bins, for gnuplot's `using` with the index of a matrix.
std::string positions(const Axis& axis, const char* index) {
  return "(" + number(axis.centre(0), 14) + "+" + index + "*" + number(axis.width(), 9) + ")";
}

}  // namespace

CornerData corner_data(const CornerPlot& plot, int panel) {
  check(plot);
  const size_t d = plot.names.size();
  CornerData data;
  data.samples = columns_of(plot.samples, d);
  data.reference = columns_of(plot.reference, d);
  if (data.samples[0].empty())
    throw core::UserError("corner plot: " + plot.samples.label + " holds no finite draw");
  for (size_t j = 0; j < d; ++j) data.axes.push_back(choose_axis(plot, data, j, std::clamp(panel, 80, 400)));
  const double n = static_cast<double>(data.samples[0].size());
  data.histogram_bins = std::clamp(static_cast<int>(3 * std::cbrt(n)), 20, std::clamp(panel / 4, 20, 80));
  return data;
}

double write_histogram(std::ostream& out, const std::string& name, const std::vector<double>& values,
                       Axis axis, int bins) {
  axis.bins = bins;
  const std::vector<double> density = histogram(values, axis);
  out << name << " << EOD\n";
  const auto at = [&](int bin) { return bin >= 0 && bin < bins ? density[bin] : 0; };
  for (int bin = 0; bin <= bins; ++bin) {
    // No line along the axis where bins are empty.
    const bool empty = at(bin - 1) == 0 && at(bin) == 0 && at(bin + 1) == 0;
    out << number(axis.low + bin * axis.width(), 14) << ' ' << (empty ? "NaN" : number(at(bin), 6)) << '\n';
  }
  out << "EOD\n";
  return *std::max_element(density.begin(), density.end());
}

ShownDensity shown_density(const std::vector<double>& xs, const std::vector<double>& ys, const Axis& x,
                           const Axis& y) {
  ShownDensity shown{estimate_density(xs, ys, x, y), {}};
  if (shown.density.bandwidth < fine_bandwidth)
    shown.density = estimate_density(xs, ys, twice_as_fine(x), twice_as_fine(y));
  for (const double mass : contour_masses) shown.levels.push_back(share_level(shown.density, xs, ys, mass));
  return shown;
}

std::string write_shades(std::ostream& out, const std::string& name, const Density& density) {
  const double peak = *std::max_element(density.values.begin(), density.values.end());
  const double shown = mass_level(density, shown_mass);
  out << name << " << EOD\n";
  for (int row = 0; row < density.y.bins; ++row) {
    for (int column = 0; column < density.x.bins; ++column) {
      const double value = density.at(column, row);
      out << (value > shown ? number(std::pow((value - shown) / (peak - shown), shade_gamma), 3) : "0")
          << ' ';
    }
    out << '\n';
  }
  out << "EOD\n";
  return name + " matrix using " + positions(density.x, "$1") + ":" + positions(density.y, "$2") +
         ":($3 > 0 ? $3 : NaN)";
}

void write_contours(std::ostream& out, const std::string& name, const ShownDensity& shown) {
  out << name << " << EOD\n";
  for (const double level : shown.levels) {
    for (const Polyline& line : contour_lines(shown.density, level)) {
      for (const auto& [x, y] : line) out << number(x, 12) << ' ' << number(y, 12) << '\n';
      out << '\n';
    }
  }
  out << "EOD\n";
}

}  // namespace fluxsbi::report
