#include "sample/prior_denoiser.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "core/error.hpp"
#include "data/prior/parts.hpp"

namespace fluxsbi::sample {

namespace {

constexpr int intervals = 256, halvings = 16;
constexpr double outermost = 1e-7;     // quantile that stands for an infinite end
constexpr double mostly_noise = 0.01;  // of the support's length in units of noise, below which it is a point
constexpr double normal_range = 8;     // standard deviations of a normal prior that count as all of it
constexpr double reach = 9;            // standard deviations of noise beyond which nothing is left

double density(double v) {
  return std::exp(-v * v / 2) / std::sqrt(2 * std::numbers::pi);
}

// Phi(b) - Phi(a), a < b, without cancellation in the upper tail.
double probability(double a, double b) {
  if (a > 0) return probability(-b, -a);
  return (std::erfc(-b / std::numbers::sqrt2) - std::erfc(-a / std::numbers::sqrt2)) / 2;
}

bool is_transformed(const data::Standardiser& standardiser, size_t i) {
  return !standardiser.transforms.empty() && standardiser.transforms[i].kind != data::TransformKind::none;
}

double variance_of(std::span<const double> edges, std::span<const double> shares) {
  double mean = 0, squares = 0;
  for (size_t k = 0; k < shares.size(); ++k) {
    const double low = edges[k], high = edges[k + 1];
    mean += shares[k] * (low + high) / 2;
    squares += shares[k] * (low * low + low * high + high * high) / 3;
  }
  return squares - mean * mean;
}

// The probabilities below the edges of the intervals.
std::vector<double> edge_probabilities(bool one) {
  if (one) return {0, 1};
  std::vector<double> below{0};
  for (int j = halvings; j > 0; --j) below.push_back(std::ldexp(1.0 / intervals, -j));
  for (int k = 1; k < intervals; ++k) below.push_back(static_cast<double>(k) / intervals);
  for (int j = 1; j <= halvings; ++j) below.push_back(1 - std::ldexp(1.0 / intervals, -j));
  below.push_back(1);
  return below;
}

// E[z | u] where the noise is far wider than the support: on each interval the likelihood is almost linear.
double tilted_mean(std::span<const double> edges, std::span<const double> shares, double u, double signal,
                   double noise) {
  double total = 0, sum = 0;
  for (size_t k = 0; k < shares.size(); ++k) {
    const double middle = (edges[k] + edges[k + 1]) / 2, length = edges[k + 1] - edges[k];
    const double apart = (u - signal * middle) / noise;
    // The likelihood over that of z = 0.
    const double weight = shares[k] * std::exp(signal / noise * middle * (u - signal * middle / 2) / noise);
    total += weight;
    sum += weight * (middle + length * length / 12 * signal / noise * apart);
  }
  return sum / total;
}

void require_independent(const data::PriorOptions& options) {
  if (options.kind == data::PriorKind::custom || options.kind == data::PriorKind::none)
    throw core::UserError(
        "--together: the model was trained with prior.kind: custom, a support without a density, so it has "
        "no score, by which observations are put together; train with box, normal, lognormal or "
        "prior.parameters (docs/priors.md)");
  if (!options.parameters) return;
  for (const data::PriorPart& part : options.parameters->parts) {
    if (data::part_size(part) == 1) continue;
    throw core::UserError("--together: the prior holds a group of dependent parameters (" + part.kind +
                          "), whose score is not known here; observations are put together under priors of "
                          "independent parameters");
  }
}

}  // namespace

PriorDenoiser::PriorDenoiser(const data::Prior& prior, const data::Standardiser& standardiser) {
  const data::PriorOptions options = prior.options();
  require_independent(options);
  const auto size = static_cast<size_t>(prior.dim());
  for (size_t i = 0; i < size; ++i) {
    Component component;
    const bool plain = !is_transformed(standardiser, i);
    if (plain && options.kind == data::PriorKind::normal) {
      component.mean = standardiser.standardised(i, options.mean[i]);
      component.variance = std::pow(options.scale[i] / standardiser.scale[i], 2);
      components_.push_back(std::move(component));
      continue;
    }
    const auto [low, high] = prior.ends(i);
    const auto below = edge_probabilities(plain && options.kind == data::PriorKind::box);
    for (size_t k = 0; k < below.size(); ++k) {
      double value = 0;
      if (below[k] == 0) {
        value = std::isfinite(low) ? low : prior.quantile(i, outermost);
      } else if (below[k] == 1) {
        value = std::isfinite(high) ? high : prior.quantile(i, 1 - outermost);
      } else {
        value = prior.quantile(i, below[k]);
      }
      component.edges.push_back(standardiser.standardised(i, value));
      if (k > 0) component.shares.push_back(below[k] - below[k - 1]);
    }
    component.variance = variance_of(component.edges, component.shares);
    components_.push_back(std::move(component));
  }
}

double PriorDenoiser::low(size_t i) const {
  const Component& component = components_[i];
  return component.edges.empty() ? component.mean - normal_range * std::sqrt(component.variance)
                                 : component.edges.front();
}

double PriorDenoiser::high(size_t i) const {
  const Component& component = components_[i];
  return component.edges.empty() ? component.mean + normal_range * std::sqrt(component.variance)
                                 : component.edges.back();
}

double PriorDenoiser::denoised(size_t i, double u, double signal, double noise) const {
  const Component& component = components_[i];
  const double ratio = signal / noise;
  if (component.edges.empty()) {
    const double precision = 1 / component.variance;
    return (component.mean * precision + ratio * u / noise) / (precision + ratio * ratio);
  }
  const std::vector<double>& edges = component.edges;
  if (ratio * (edges.back() - edges.front()) < mostly_noise)
    return tilted_mean(edges, component.shares, u, signal, noise);
  const double centre = u / signal, width = noise / signal;
  // Only intervals within reach of the noise have any weight; the last before and the first behind them do.
  auto first = std::upper_bound(edges.begin(), edges.end(), centre - reach * width);
  if (first != edges.begin()) --first;
  auto last = std::lower_bound(edges.begin(), edges.end(), centre + reach * width);
  if (last == edges.end()) --last;
  double total = 0, sum = 0;
  for (auto edge = first; edge < last; ++edge) {
    const double low = (edge[0] - centre) / width, high = (edge[1] - centre) / width;
    if (!(edge[1] > edge[0])) continue;
    const double own = component.shares[static_cast<size_t>(edge - edges.begin())];
    const double share = probability(low, high), per_length = own / (edge[1] - edge[0]);
    total += per_length * share;
    sum += per_length * (centre * share + width * (density(low) - density(high)));
  }
  // Beyond the support, farther than the noise reaches, the nearest end is the answer.
  if (!(total > 1e-290)) return std::clamp(centre, edges.front(), edges.back());
  return std::clamp(sum / total, edges.front(), edges.back());
}

}  // namespace fluxsbi::sample
