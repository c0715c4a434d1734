#include "diagnose/summary.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "core/error.hpp"
#include "core/text.hpp"
#include "diagnose/moments.hpp"

namespace fluxsbi::diagnose {

namespace {

double mean_of(std::span<const double> values) {
  // Around the first value, so that a large offset costs no digits.
  double sum = 0;
  for (const double value : values) sum += value - values[0];
  return values[0] + sum / static_cast<double>(values.size());
}

double deviation_of(std::span<const double> values, double mean) {
  if (values.size() < 2) return 0;
  double largest = 0, squares = 0;
  for (const double value : values) largest = std::max(largest, std::abs(value - mean));
  if (largest == 0) return 0;
  // In parts of the largest, whose squares neither vanish nor overflow.
  for (const double value : values) squares += ((value - mean) / largest) * ((value - mean) / largest);
  return largest * std::sqrt(squares / static_cast<double>(values.size() - 1));
}

std::vector<double> column_of(const SampleSet& set, int64_t column) {
  std::vector<double> values(static_cast<size_t>(set.rows));
  for (int64_t i = 0; i < set.rows; ++i)
    values[static_cast<size_t>(i)] = set.values[static_cast<size_t>(i * set.dimensions + column)];
  return values;
}

// Columns z-scored, [d][n]; a constant one is empty.
std::vector<double> correlations_of(const std::vector<std::vector<double>>& scores) {
  const size_t d = scores.size();
  std::vector<double> correlations(d * d, std::numeric_limits<double>::quiet_NaN());
  for (size_t i = 0; i < d; ++i) {
    for (size_t j = 0; j <= i; ++j) {
      if (scores[i].empty() || scores[j].empty()) continue;
      const double sum = std::inner_product(scores[i].begin(), scores[i].end(), scores[j].begin(), 0.0);
      const double value =
          i == j ? 1 : std::clamp(sum / static_cast<double>(scores[i].size() - 1), -1.0, 1.0);
      correlations[i * d + j] = correlations[j * d + i] = value;
    }
  }
  return correlations;
}

// The draw of the highest log-density, or -1 where none is finite.
int64_t densest_draw(const SampleSet& set, std::span<const double> log_density) {
  int64_t best = -1;
  double highest = -std::numeric_limits<double>::infinity();
  for (int64_t i = 0; i < set.rows; ++i) {
    const int64_t place = set.places.empty() ? i : set.places[static_cast<size_t>(i)];
    const double value = log_density[static_cast<size_t>(place)];
    if (!(value > highest)) continue;  // NaN never is
    highest = value;
    best = i;
  }
  return best;
}

// A density of Epanechnikov's kernel, evaluated at ascending points. Values are reflected at both ends of the
// support.
class KernelDensity {
 public:
  KernelDensity(std::vector<double> sorted, double low, double high, double centre, double width)
      : n_(static_cast<double>(sorted.size())), centre_(centre), width_(width) {
    values_ = reflected(std::move(sorted), low, high);
    moments_.reserve(values_.size() + 1);
    moments_.push_back({});
    for (const double value : values_) {
      const double u = (value - centre) / width;
      const Moments& last = moments_.back();
      moments_.push_back({last.count + 1, last.sum + u, last.squares + u * u});
    }
  }

  // Points must ascend from call to call.
  double at(double point) {
    while (first_ < values_.size() && values_[first_] < point - width_) ++first_;
    while (end_ < values_.size() && values_[end_] <= point + width_) ++end_;
    // The sum over the window of 1 - (u - v)^2.
    const double v = (point - centre_) / width_;
    const Moments &a = moments_[first_], &b = moments_[end_];
    const double sum = (b.count - a.count) * (1 - v * v) + 2 * v * (b.sum - a.sum) - (b.squares - a.squares);
    return 0.75 * std::max(sum, 0.0) / (n_ * width_);
  }

 private:
  struct Moments {
    double count = 0, sum = 0, squares = 0;
  };

  std::vector<double> reflected(std::vector<double> sorted, double low, double high) const {
    std::vector<double> all;
    for (const double value : sorted) {
      if (value > low && value <= low + width_) all.push_back(2 * low - value);
    }
    std::reverse(all.begin(), all.end());
    all.insert(all.end(), sorted.begin(), sorted.end());
    for (auto value = sorted.rbegin(); value != sorted.rend() && *value >= high - width_; ++value) {
      if (*value < high) all.push_back(2 * high - *value);
    }
    return all;
  }

  double n_, centre_, width_;
  std::vector<double> values_;
  std::vector<Moments> moments_;
  size_t first_ = 0, end_ = 0;
};

// The likeliest width, halving from `widest`: either half of the draws makes the other half likely.
double cross_validated_width(const std::vector<double> (&halves)[2], double low, double high, double centre,
                             double widest) {
  constexpr int fewest = 20, steps = 12;
  constexpr double floor_share = 0.02;    // of a uniform density, so that a single outlier does not decide
  constexpr double peak_smoothing = 1.3;  // a peak needs a smoother estimate than the density itself
  if (halves[0].size() + halves[1].size() < fewest) return widest;
  double best = widest, highest = -std::numeric_limits<double>::infinity();
  double width = widest;
  for (int step = 0; step < steps; ++step, width *= std::numbers::sqrt2 / 2) {
    double likelihood = 0;
    for (const size_t half : {0, 1}) {
      KernelDensity other(halves[1 - half], low, high, centre, width);
      for (const double value : halves[half])
        likelihood += std::log((1 - floor_share) * other.at(value) + floor_share / (high - low));
    }
    if (likelihood <= highest) continue;
    highest = likelihood;
    best = width;
  }
  return std::min(best * peak_smoothing, widest);
}

void name_variables(SampleSet& set) {
  for (int64_t j = std::ssize(set.columns); j < set.dimensions; ++j)
    set.columns.push_back("theta_" + std::to_string(j));
  for (auto name = set.columns.begin(); name != set.columns.end(); ++name) {
    if (std::find(set.columns.begin(), name, *name) == name) continue;
    throw core::UserError(set.name + ": two columns are called " + core::quoted(*name) +
                          "; rename one of them, or choose some by number with --columns");
  }
}

}  // namespace

double kernel_mode(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const double deviation = deviation_of(sorted, mean_of(sorted)), median = quantile_of(sorted, 0.5);
  const double quartiles = (quantile_of(sorted, 0.75) - quantile_of(sorted, 0.25)) / 1.34;
  const double spread = quartiles > 0 ? std::min(deviation, quartiles) : deviation;
  constexpr double of_kernel = 2.2138;  // Epanechnikov's width in widths of a Gaussian
  const double widest = of_kernel * 0.9 * spread * std::pow(static_cast<double>(sorted.size()), -0.2);
  if (!(widest > 0)) return sorted[sorted.size() / 2];
  // Values far from the median are no peak, and would cost the sums their digits.
  constexpr double reach = 1000;
  const auto near = [&](double value) { return std::abs(value - median) <= reach * widest; };
  std::erase_if(sorted, [&](double value) { return !near(value); });
  std::vector<double> halves[2];
  for (size_t i = 0; i < values.size(); ++i) {
    if (near(values[i])) halves[i % 2].push_back(values[i]);
  }
  for (auto& half : halves) std::sort(half.begin(), half.end());
  const double low = sorted.front(), high = sorted.back();
  const double width = cross_validated_width(halves, low, high, median, widest);
  KernelDensity density(sorted, low, high, median, width);
  double best = low, highest = -1;
  for (const double value : sorted) {
    const double found = density.at(value);
    if (found <= highest) continue;
    highest = found;
    best = value;
  }
  return best;
}

Summary summarise(SampleSet set, const std::vector<double>& quantiles, std::span<const double> log_density) {
  name_variables(set);
  Summary summary{set.name, 0, set.unfilled, 0, Summary::Mode::kernel, {}, {}};
  const int64_t all = set.rows;
  summary.not_finite = drop_not_finite(set);
  summary.draws = set.rows;
  if (set.rows == 0)
    throw core::UserError(set.name + ": none of its " + std::to_string(all) + " draws is finite");
  const int64_t densest = log_density.empty() ? -1 : densest_draw(set, log_density);
  if (densest >= 0) summary.mode_is = Summary::Mode::density;
  std::vector<std::vector<double>> scores;
  for (int64_t j = 0; j < set.dimensions; ++j) {
    const std::vector<double> values = column_of(set, j);
    VariableSummary variable{set.columns[static_cast<size_t>(j)], mean_of(values), 0, {}, 0};
    variable.deviation = deviation_of(values, variable.mean);
    std::vector<double> sorted = values;
    std::sort(sorted.begin(), sorted.end());
    for (const double p : quantiles) variable.quantiles.push_back(quantile_of(sorted, p));
    variable.mode = densest >= 0 ? values[static_cast<size_t>(densest)] : kernel_mode(values);
    auto& score = scores.emplace_back();
    if (sorted.front() < sorted.back()) {
      for (const double value : values) score.push_back((value - variable.mean) / variable.deviation);
    }
    summary.variables.push_back(std::move(variable));
  }
  summary.correlations = correlations_of(scores);
  return summary;
}

}  // namespace fluxsbi::diagnose
