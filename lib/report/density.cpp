#include "report/density.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

namespace fluxsbi::report {

namespace {

// Widths that are tried, in bins; each sqrt 2 times the one before.
constexpr double bandwidths[] = {0.5, 0.71, 1, 1.41, 2, 2.83, 4, 5.66, 8, 11.3, 16, 22.6, 32};
constexpr double kernel_reach = 3.5;  // in bandwidths
// Share of a uniform density under the cross-validated one, so that a single outlier does not decide.
constexpr double floor_share = 0.02;

// The likeliest width leaves contour lines ragged: a level set needs a smoother estimate than the density
// itself.
constexpr double contour_smoothing = 1.3;

struct CellOf {
  int column, row;
};

// Points inside the grid, in their order.
std::vector<CellOf> locate(std::span<const double> xs, std::span<const double> ys, const Axis& x,
                           const Axis& y) {
  std::vector<CellOf> points;
  points.reserve(xs.size());
  for (size_t i = 0; i < xs.size(); ++i) {
    const CellOf point{x.bin_of(xs[i]), y.bin_of(ys[i])};
    if (point.column >= 0 && point.row >= 0) points.push_back(point);
  }
  return points;
}

std::vector<double> kernel(double bandwidth) {
  const int reach = static_cast<int>(std::ceil(kernel_reach * bandwidth));
  std::vector<double> weights;
  for (int i = -reach; i <= reach; ++i) weights.push_back(std::exp(-0.5 * i * i / (bandwidth * bandwidth)));
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& weight : weights) weight /= sum;
  return weights;
}

// Smooths along one direction: `lines` lines of `length` values, `stride` apart, beginning `pitch` apart.
void smooth_lines(std::vector<double>& values, int lines, int pitch, int length, int stride,
                  const std::vector<double>& weights) {
  const int reach = static_cast<int>(weights.size() / 2);
  std::vector<double> line(static_cast<size_t>(length));
  for (int l = 0; l < lines; ++l) {
    double* begin = values.data() + static_cast<std::ptrdiff_t>(l) * pitch;
    std::fill(line.begin(), line.end(), 0.0);
    for (int i = 0; i < length; ++i) {
      const double value = begin[static_cast<std::ptrdiff_t>(i) * stride];
      if (value == 0) continue;
      for (int j = std::max(0, i - reach); j <= std::min(length - 1, i + reach); ++j)
        line[j] += value * weights[j - i + reach];
    }
    for (int i = 0; i < length; ++i) begin[static_cast<std::ptrdiff_t>(i) * stride] = line[i];
  }
}

// Density on the grid of some of the points: every `step`-th from `first` on.
std::vector<double> smoothed(const std::vector<CellOf>& points, size_t first, size_t step, const Axis& x,
                             const Axis& y, double bandwidth) {
  std::vector<double> values(static_cast<size_t>(x.bins) * y.bins, 0.0);
  const double share =
      static_cast<double>(step) / static_cast<double>(points.size()) / (x.width() * y.width());
  for (size_t i = first; i < points.size(); i += step)
    values[static_cast<size_t>(points[i].row) * x.bins + points[i].column] += share;
  const std::vector<double> weights = kernel(bandwidth);
  smooth_lines(values, y.bins, x.bins, x.bins, 1, weights);
  smooth_lines(values, x.bins, 1, y.bins, x.bins, weights);
  return values;
}

// Log-likelihood of each half of the points under the other half's density.
double cross_likelihood(const std::vector<CellOf>& points, const Axis& x, const Axis& y, double bandwidth) {
  const double uniform = 1 / ((x.high - x.low) * (y.high - y.low));
  double sum = 0;
  for (const size_t half : {0, 1}) {
    const std::vector<double> other = smoothed(points, 1 - half, 2, x, y, bandwidth);
    for (size_t i = half; i < points.size(); i += 2) {
      const double density = other[static_cast<size_t>(points[i].row) * x.bins + points[i].column];
      sum += std::log((1 - floor_share) * density + floor_share * uniform);
    }
  }
  return sum;
}

}  // namespace

std::vector<double> histogram(std::span<const double> values, const Axis& axis) {
  std::vector<double> density(static_cast<size_t>(axis.bins), 0.0);
  for (const double value : values)
    if (const int bin = axis.bin_of(value); bin >= 0) density[bin] += 1;
  for (double& value : density) value /= static_cast<double>(values.size()) * axis.width();
  return density;
}

Density estimate_density(std::span<const double> xs, std::span<const double> ys, const Axis& x,
                         const Axis& y) {
  const std::vector<CellOf> points = locate(xs, ys, x, y);
  Density density{x, y, {}, bandwidths[0]};
  if (points.empty()) {
    density.values.assign(static_cast<size_t>(x.bins) * y.bins, 0.0);
    return density;
  }
  double best = -std::numeric_limits<double>::infinity();
  for (const double bandwidth : bandwidths) {
    const double likelihood = cross_likelihood(points, x, y, bandwidth);
    if (likelihood <= best) break;  // one maximum: the widths after it only smooth more
    best = likelihood;
    density.bandwidth = bandwidth;
  }
  density.bandwidth *= contour_smoothing;
  density.values = smoothed(points, 0, 1, x, y, density.bandwidth);
  return density;
}

double mass_level(const Density& density, double mass) {
  std::vector<double> sorted = density.values;
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  const double whole = std::accumulate(sorted.begin(), sorted.end(), 0.0);
  double inside = 0;
  for (const double value : sorted) {
    inside += value;
    if (inside >= mass * whole) return value;
  }
  return 0;
}

double share_level(const Density& density, std::span<const double> xs, std::span<const double> ys,
                   double share) {
  std::vector<double> levels(xs.size(), 0.0);  // 0 for points outside the grid
  for (size_t i = 0; i < xs.size(); ++i) {
    const int column = density.x.bin_of(xs[i]), row = density.y.bin_of(ys[i]);
    if (column >= 0 && row >= 0) levels[i] = density.at(column, row);
  }
  const auto outside = static_cast<std::ptrdiff_t>((1 - share) * static_cast<double>(levels.size()));
  std::nth_element(levels.begin(), levels.begin() + outside, levels.end());
  return levels[outside];
}

}  // namespace fluxsbi::report
