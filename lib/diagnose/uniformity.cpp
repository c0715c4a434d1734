#include "diagnose/uniformity.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/philox.hpp"
#include "data/look/two_samples.hpp"
#include "data/prior/special_functions.hpp"
#include "diagnose/binomial.hpp"
#include "diagnose/ranks.hpp"

namespace fluxsbi::diagnose {

namespace {

constexpr int64_t most_bins = 20, expected_in_bin = 5;
constexpr int64_t band_points = 50, band_simulations = 2000;
constexpr double sure_z = 3;

std::vector<int64_t> counts(std::span<const double> u, int64_t bins) {
  std::vector<int64_t> count(static_cast<size_t>(bins));
  for (const double value : u) {
    const auto bin = static_cast<int64_t>(value * static_cast<double>(bins));
    ++count[static_cast<size_t>(std::clamp<int64_t>(bin, 0, bins - 1))];
  }
  return count;
}

void add_shape(Uniformity& result, std::span<const double> u) {
  const auto n = static_cast<double>(u.size());
  double mean = 0, squares = 0;
  for (const double value : u) mean += value / n;
  for (const double value : u) squares += (value - mean) * (value - mean) / n;
  // Of uniform numbers the mean has the variance 1 / (12 n), (u - 1/2)^2 has 1/12 and 1/180.
  result.shift_z = (mean - 0.5) * std::sqrt(12 * n);
  const double about_half = squares + (mean - 0.5) * (mean - 0.5);
  result.ratio_z = -(about_half - 1.0 / 12) * std::sqrt(180 * n);
  result.shift = std::numbers::sqrt2 * data::normal_quantile(std::clamp(mean, 1e-6, 1 - 1e-6));
  // Var u < 1/4 for any a; beyond, or with all numbers equal, a is at its limits.
  const double sine = std::sin(std::min(2 * std::numbers::pi * squares, std::numbers::pi / 2));
  result.ratio = std::sqrt(std::max(1 - sine, 1e-6) / std::max(sine, 1e-6));
  if (std::max(std::abs(result.shift_z), std::abs(result.ratio_z)) < sure_z) return;
  if (std::abs(result.shift_z) >= std::abs(result.ratio_z)) {
    result.fault = result.shift_z > 0 ? Fault::too_low : Fault::too_high;
  } else {
    result.fault = result.ratio_z > 0 ? Fault::too_wide : Fault::too_narrow;
  }
}

}  // namespace

Uniformity uniformity(std::span<const double> u) {
  Uniformity result;
  const auto n = static_cast<double>(u.size());
  const data::KolmogorovSmirnov ks = data::kolmogorov_smirnov_uniform({u.begin(), u.end()});
  result.distance = ks.distance;
  result.ks_probability = ks.probability;
  result.bins = std::clamp<int64_t>(std::ssize(u) / expected_in_bin, 2, most_bins);
  const double expected = n / static_cast<double>(result.bins);
  for (const int64_t count : counts(u, result.bins)) {
    const double difference = static_cast<double>(count) - expected;
    result.chi_square += difference * difference / expected;
  }
  result.chi_probability =
      data::gamma_above(0.5 * static_cast<double>(result.bins - 1), 0.5 * result.chi_square);
  result.p_value = std::min(1.0, 2 * std::min(result.ks_probability, result.chi_probability));
  add_shape(result, u);
  return result;
}

EcdfBand ecdf_band(int64_t n, double level, uint64_t seed) {
  EcdfBand band;
  for (int64_t k = 1; k < band_points; ++k)
    band.at.push_back(static_cast<double>(k) / static_cast<double>(band_points));
  std::vector<double> least(static_cast<size_t>(band_simulations));
  // p-values of the counts that occurred, [point, 0..n]; NaN: not yet asked for.
  std::vector<double> known(band.at.size() * static_cast<size_t>(n + 1), std::nan(""));
  for (int64_t s = 0; s < band_simulations; ++s) {
    core::Philox random(seed, room_purpose, static_cast<uint64_t>(s), UINT32_MAX);
    std::vector<double> u(static_cast<size_t>(n));
    for (double& value : u) value = random.uniform();
    const std::vector<int64_t> count = counts(u, band_points);
    double smallest = 1;
    int64_t below = 0;
    for (size_t k = 0; k < band.at.size(); ++k) {
      below += count[k];
      double& p_value = known[k * static_cast<size_t>(n + 1) + static_cast<size_t>(below)];
      if (std::isnan(p_value)) p_value = binomial_p_value(below, n, band.at[k]);
      smallest = std::min(smallest, p_value);
    }
    least[static_cast<size_t>(s)] = smallest;
  }
  std::sort(least.begin(), least.end());
  const double gamma = least[static_cast<size_t>(level * static_cast<double>(band_simulations))];
  for (const double at : band.at) {
    const BinomialBand limits = binomial_band(n, at, gamma);
    band.low.push_back(static_cast<double>(limits.low) / static_cast<double>(n));
    band.high.push_back(static_cast<double>(limits.high) / static_cast<double>(n));
  }
  return band;
}

std::vector<Graph> uniformity_graphs(std::span<const double> u, const EcdfBand& band, double level,
                                     const std::string& title, const std::string& quantity) {
  const auto n = static_cast<double>(u.size());
  Graph difference;
  difference.title = title;
  difference.x_label = quantity + " u";
  difference.y_label = "F(u) - u";
  difference.x = band.at;
  difference.expected = 0;
  Graph::Curve curve{"difference of the distribution function", {}};
  std::vector<double> sorted(u.begin(), u.end());
  std::sort(sorted.begin(), sorted.end());
  for (size_t k = 0; k < band.at.size(); ++k) {
    const auto below = std::upper_bound(sorted.begin(), sorted.end(), band.at[k]) - sorted.begin();
    curve.y.push_back(static_cast<double>(below) / n - band.at[k]);
    difference.low.push_back(band.low[k] - band.at[k]);
    difference.high.push_back(band.high[k] - band.at[k]);
  }
  difference.curves.push_back(std::move(curve));

  Graph histogram;
  histogram.kind = Graph::Kind::histogram;
  histogram.title = title;
  histogram.x_label = quantity + " u";
  histogram.y_label = "pairs";
  const BinomialBand limits = binomial_band(std::ssize(u), 1.0 / static_cast<double>(most_bins), level);
  Graph::Curve bars{"pairs in each bin", {}};
  for (int64_t k = 0; k <= most_bins; ++k)
    histogram.x.push_back(static_cast<double>(k) / static_cast<double>(most_bins));
  for (const int64_t count : counts(u, most_bins)) {
    bars.y.push_back(static_cast<double>(count));
    histogram.low.push_back(static_cast<double>(limits.low));
    histogram.high.push_back(static_cast<double>(limits.high));
  }
  histogram.curves.push_back(std::move(bars));
  histogram.expected = n / static_cast<double>(most_bins);
  return {std::move(difference), std::move(histogram)};
}

}  // namespace fluxsbi::diagnose
