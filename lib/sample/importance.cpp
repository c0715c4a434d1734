#include "sample/importance.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.hpp"

namespace fluxsbi::sample {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr size_t least_tail = 5;  // weights that a Pareto distribution can be fitted to

// exp(log w - highest), so that the largest weight is 1.
std::vector<double> scaled(std::span<const double> log_weights, double highest) {
  std::vector<double> weights;
  weights.reserve(log_weights.size());
  for (const double log_weight : log_weights) weights.push_back(std::exp(log_weight - highest));
  return weights;
}

double highest_of(std::span<const double> log_weights) {
  core::require(!log_weights.empty(), "weights of one draw at least");
  for (const double log_weight : log_weights)
    core::require(!std::isnan(log_weight) && log_weight < infinity, "a weight is a number");
  return *std::max_element(log_weights.begin(), log_weights.end());
}

double mean_log1p(std::span<const double> excess, double b) {
  double sum = 0;
  for (const double e : excess) sum += std::log1p(-b * e);
  return sum / static_cast<double>(excess.size());
}

// The shape of a generalised Pareto distribution of sorted excesses over a threshold, the last of which is
// positive: the posterior mean of Zhang & Stephens 2009 on a grid of b = -shape / scale.
double pareto_shape_of(std::span<const double> excess) {
  const auto n = static_cast<double>(excess.size());
  const auto grid = static_cast<size_t>(30 + std::sqrt(n));
  // Half of the tail may lie at the threshold, where weights are equal.
  const double quarter = std::max(excess[static_cast<size_t>(n / 4 + 0.5) - 1], excess.back() * 1e-12);
  std::vector<double> b(grid), log_likelihood(grid);
  for (size_t i = 0; i < grid; ++i) {
    const double spread = 1 - std::sqrt(static_cast<double>(grid) / (static_cast<double>(i) + 0.5));
    b[i] = spread / (3 * quarter) + 1 / excess.back();
    const double k = mean_log1p(excess, b[i]);
    log_likelihood[i] = n * (std::log(-b[i] / k) - k - 1);
  }
  double mean = 0;
  for (size_t i = 0; i < grid; ++i) {
    double others = 0;
    for (const double other : log_likelihood) others += std::exp(other - log_likelihood[i]);
    mean += b[i] / others;
  }
  return mean_log1p(excess, mean);
}

double tail_shape(std::vector<double> weights) {
  const auto n = static_cast<double>(weights.size());
  const auto size = static_cast<size_t>(std::ceil(std::min(n / 5, 3 * std::sqrt(n))));
  std::sort(weights.begin(), weights.end());
  if (size < least_tail || size >= weights.size()) return infinity;
  const double threshold = weights[weights.size() - size - 1];
  std::vector<double> excess;
  for (size_t i = weights.size() - size; i < weights.size(); ++i) excess.push_back(weights[i] - threshold);
  if (excess.back() <= 0) return 0;
  if (std::count_if(weights.begin(), weights.end(), [](double w) { return w > 0; }) <
      static_cast<ptrdiff_t>(least_tail))
    return infinity;
  const double shape = pareto_shape_of(excess);
  constexpr double prior_size = 10;
  const auto tail = static_cast<double>(size);
  return (tail * shape + prior_size * 0.5) / (tail + prior_size);
}

}  // namespace

WeightQuality judge_weights(std::span<const double> log_weights) {
  const double highest = highest_of(log_weights);
  if (highest == -infinity) return {0, infinity, -infinity, infinity};
  std::vector<double> weights = scaled(log_weights, highest);
  double sum = 0, squares = 0;
  for (const double weight : weights) {
    sum += weight;
    squares += weight * weight;
  }
  const auto n = static_cast<double>(weights.size());
  const double effective = sum * sum / squares;
  return {effective, tail_shape(std::move(weights)), highest + std::log(sum / n),
          std::sqrt(std::max(1 / effective - 1 / n, 0.0))};
}

std::vector<size_t> resample(std::span<const double> log_weights, size_t count, core::Philox& random) {
  const double highest = highest_of(log_weights);
  core::require(highest > -infinity, "one weight is positive");
  const std::vector<double> weights = scaled(log_weights, highest);
  double sum = 0;
  for (const double weight : weights) sum += weight;
  const double step = sum / static_cast<double>(count), offset = random.uniform() * step;
  std::vector<size_t> chosen;
  chosen.reserve(count);
  double below = 0;  // of all weights before the next draw and its own
  size_t last = 0;   // of positive weight: what rounding leaves at the end goes to it
  for (size_t i = 0; i < weights.size(); ++i) {
    if (!(weights[i] > 0)) continue;
    below += weights[i];
    last = i;
    while (chosen.size() < count && offset + static_cast<double>(chosen.size()) * step < below)
      chosen.push_back(i);
  }
  chosen.resize(count, last);
  return chosen;
}

Chain metropolis(std::span<const double> log_weights, core::Philox& random) {
  Chain chain;
  chain.states.reserve(log_weights.size());
  size_t state = resample(log_weights, 1, random).front();
  int64_t accepted = 0;
  for (size_t i = 0; i < log_weights.size(); ++i) {
    if (std::log(random.uniform_open()) < log_weights[i] - log_weights[state]) {
      state = i;
      ++accepted;
    }
    chain.states.push_back(state);
  }
  chain.acceptance = static_cast<double>(accepted) / static_cast<double>(log_weights.size());
  return chain;
}

}  // namespace fluxsbi::sample
