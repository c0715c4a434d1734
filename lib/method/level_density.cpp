#include "method/level_density.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fluxsbi::method {

namespace {

constexpr int64_t quantile_cells = 1024;
constexpr double start_mean = -1, start_std = 1.5;
constexpr double slope_smoothing = 0.4;

double bump(double distance, double std) {
  return std::exp(-0.5 * (distance / std) * (distance / std));
}

void normalise(std::vector<double>& masses) {
  const double sum = std::accumulate(masses.begin(), masses.end(), 0.0);
  for (double& mass : masses) mass /= sum;
}

// The decreasing sequence nearest to `values` in least squares.
std::vector<double> decreasing(std::span<const double> values) {
  struct Pool {
    double sum;
    int64_t count;
    double mean() const { return sum / static_cast<double>(count); }
  };
  std::vector<Pool> pools;
  for (const double value : values) {
    pools.push_back({value, 1});
    while (pools.size() > 1 && pools[pools.size() - 2].mean() < pools.back().mean()) {
      const Pool last = pools.back();
      pools.pop_back();
      pools.back().sum += last.sum;
      pools.back().count += last.count;
    }
  }
  std::vector<double> result;
  for (const Pool& pool : pools) result.insert(result.end(), static_cast<size_t>(pool.count), pool.mean());
  return result;
}

}  // namespace

double LevelRange::bin_width() const {
  return (highest - lowest) / static_cast<double>(level_bins);
}

double LevelRange::centre(int64_t bin) const {
  return lowest + (static_cast<double>(bin) + 0.5) * bin_width();
}

LevelRange LevelRange::within(double low, double high) const {
  const LevelRange part{std::max(lowest, low), std::min(highest, high)};
  if (part.lowest < part.highest) return part;
  throw core::UserError(
      "strategy.levels: learned looks for noise levels between " + core::brief_text(std::exp(lowest)) +
      " and " + core::brief_text(std::exp(highest)) +
      " standard deviations of the data, but the method has none of these: its levels go from " +
      core::brief_text(std::exp(low)) + " to " + core::brief_text(std::exp(high)) +
      "; widen them, or take strategy.levels: fixed");
}

std::vector<double> start_masses(const LevelRange& range) {
  std::vector<double> masses(level_bins);
  for (int64_t bin = 0; bin < level_bins; ++bin)
    masses[static_cast<size_t>(bin)] = bump(range.centre(bin) - start_mean, start_std);
  normalise(masses);
  return masses;
}

std::vector<double> level_masses(std::span<const double> g, const LevelRange& range) {
  core::require(std::ssize(g) == level_bins, "a mean of G for each bin");
  std::vector<double> falling(g.begin(), g.end());
  for (double& value : falling) value = std::clamp(value, 0.0, 1.0);
  falling = decreasing(falling);
  std::vector<double> masses(level_bins, 0.0), start = start_masses(range);
  for (size_t edge = 1; edge < falling.size(); ++edge) {  // the step between two bins' centres
    const double at = range.centre(static_cast<int64_t>(edge)) - range.bin_width() / 2;
    for (int64_t bin = 0; bin < level_bins; ++bin)
      masses[static_cast<size_t>(bin)] +=
          (falling[edge - 1] - falling[edge]) * bump(range.centre(bin) - at, slope_smoothing);
  }
  if (!(std::accumulate(masses.begin(), masses.end(), 0.0) > 0)) return start;
  normalise(masses);
  for (size_t bin = 0; bin < masses.size(); ++bin)
    masses[bin] = (1 - start_share) * masses[bin] + start_share * start[bin];
  return masses;
}

LevelTable::LevelTable(const LevelRange& range, at::Device device)
    : range_(range),
      quantiles_(at::empty({quantile_cells + 1}, at::TensorOptions().dtype(at::kFloat).device(device))) {
  set(start_masses(range));
}

void LevelTable::set(std::span<const double> masses) {
  std::vector<float> table(quantile_cells + 1);
  double below = 0;
  size_t bin = 0;
  for (int64_t k = 0; k <= quantile_cells; ++k) {
    const double part = static_cast<double>(k) / quantile_cells;
    while (bin + 1 < masses.size() && below + masses[bin] < part) below += masses[bin++];
    const double inside = masses[bin] > 0 ? std::clamp((part - below) / masses[bin], 0.0, 1.0) : 0.5;
    table[static_cast<size_t>(k)] =
        static_cast<float>(range_.lowest + (static_cast<double>(bin) + inside) * range_.bin_width());
  }
  quantiles_.copy_(at::from_blob(table.data(), {quantile_cells + 1}, at::kFloat));
}

at::Tensor LevelTable::draw(const at::Tensor& uniform) const {
  const at::Tensor place = uniform * static_cast<double>(quantile_cells);
  const at::Tensor cell = place.floor().clamp(0, quantile_cells - 1);
  const at::Tensor index = cell.to(at::kLong);
  const at::Tensor low = quantiles_.index_select(0, index), high = quantiles_.index_select(0, index + 1);
  return low + (place - cell) * (high - low);
}

double LevelTable::quantile(double part) const {
  return draw(at::full({1}, part, quantiles_.options())).item<double>();
}

}  // namespace fluxsbi::method
