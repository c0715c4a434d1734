#include "data/tasks/student_mixture.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "data/prior/cholesky.hpp"
#include "data/prior/density.hpp"
#include "data/prior/special_functions.hpp"

namespace fluxsbi::data {

namespace {

constexpr double normal_share = 0.05;
constexpr int halves_of_df = 4;  // df = 8
constexpr double df = 2 * halves_of_df;
constexpr size_t most_components = 5;
constexpr int steps = 20;
constexpr double least_weight = 0.04;  // a component of fewer points has no covariance to speak of
constexpr double ridge = 1e-3;

double log_standard_normal(std::span<const double> z) {
  double sum = 0;
  for (const double value : z) sum -= 0.5 * value * value + half_log_two_pi;
  return sum;
}

/// The number of the point at which the cumulated weights pass a uniform number.
size_t drawn(std::span<const double> weights, core::Philox& random) {
  double left = random.uniform() * std::accumulate(weights.begin(), weights.end(), 0.0);
  size_t i = 0;
  while (i + 1 < weights.size() && (left -= weights[i]) >= 0) ++i;
  return i;
}

}  // namespace

double StudentMixture::squared_distance(const Component& component, std::span<const double> z) const {
  std::vector<double> line(dim_);  // factor line = z - mean
  double squares = 0;
  for (size_t i = 0; i < dim_; ++i) {
    double rest = z[i] - component.mean[i];
    for (size_t k = 0; k < i; ++k) rest -= component.factor[i * dim_ + k] * line[k];
    line[i] = rest / component.factor[i * dim_ + i];
    squares += line[i] * line[i];
  }
  return squares;
}

StudentMixture::Component StudentMixture::component_of(std::span<const double> points,
                                                       std::span<const double> weights,
                                                       std::span<const double> spread) const {
  Component component{0, std::vector<double>(dim_), {}, 0};
  std::vector<double> covariance(dim_ * dim_), difference(dim_);
  for (size_t i = 0; i < weights.size(); ++i) {
    component.weight += weights[i];
    for (size_t j = 0; j < dim_; ++j) component.mean[j] += weights[i] * points[i * dim_ + j];
  }
  if (!(component.weight > 0)) return component;
  for (double& value : component.mean) value /= component.weight;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] == 0) continue;
    for (size_t j = 0; j < dim_; ++j) difference[j] = points[i * dim_ + j] - component.mean[j];
    for (size_t j = 0; j < dim_ * dim_; ++j) {
      covariance[j] += weights[i] * difference[j / dim_] * difference[j % dim_];
    }
  }
  for (size_t j = 0; j < covariance.size(); ++j) {
    covariance[j] = spread.empty() ? covariance[j] / component.weight
                                   : (covariance[j] + ridge * spread[j]) / (component.weight + ridge);
  }
  const auto factor = cholesky(covariance, dim_);
  if (!factor) return {};
  component.factor = *factor;
  for (size_t j = 0; j < dim_; ++j) component.log_volume += std::log(component.factor[j * (dim_ + 1)]);
  return component;
}

std::vector<StudentMixture::Component> StudentMixture::begin(std::span<const double> points,
                                                             std::span<const double> weights,
                                                             const Component& all,
                                                             core::Philox& random) const {
  std::vector<Component> components;
  std::vector<double> chances(weights.begin(), weights.end());
  std::vector<double> nearest(weights.size(), std::numeric_limits<double>::infinity());
  for (size_t k = 0; k < most_components; ++k) {
    // k-means++ (Arthur and Vassilvitskii 2007): the next centre is drawn by its squared distance to the
    // others
    const auto centre = points.subspan(drawn(chances, random) * dim_, dim_);
    Component next = all;
    next.mean.assign(centre.begin(), centre.end());
    for (size_t i = 0; i < weights.size(); ++i) {
      nearest[i] = std::min(nearest[i], squared_distance(next, points.subspan(i * dim_, dim_)));
      chances[i] = weights[i] * nearest[i];
    }
    next.weight = 1.0 / most_components;
    for (double& value : next.factor) value /= 2;
    next.log_volume -= static_cast<double>(dim_) * std::log(2);
    components.push_back(std::move(next));
  }
  return components;
}

std::vector<StudentMixture::Component> StudentMixture::improved(const std::vector<Component>& components,
                                                                std::span<const double> points,
                                                                std::span<const double> weights,
                                                                std::span<const double> spread) const {
  std::vector<std::vector<double>> shares(components.size(), std::vector<double>(weights.size()));
  std::vector<double> logs(components.size());
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] == 0) continue;
    for (size_t k = 0; k < components.size(); ++k) {
      logs[k] = std::log(components[k].weight) - components[k].log_volume -
                0.5 * squared_distance(components[k], points.subspan(i * dim_, dim_));
    }
    const double most = *std::max_element(logs.begin(), logs.end());
    double sum = 0;
    for (const double value : logs) sum += std::exp(value - most);
    for (size_t k = 0; k < components.size(); ++k) {
      shares[k][i] = weights[i] * std::exp(logs[k] - most) / sum;
    }
  }
  std::vector<Component> better;
  for (const auto& share : shares) {
    Component component = component_of(points, share, spread);
    if (component.weight >= least_weight) better.push_back(std::move(component));
  }
  return better;
}

void StudentMixture::fit(std::span<const double> points, std::span<const double> weights,
                         core::Philox& random) {
  const Component all = component_of(points, weights, {});
  if (!(all.weight > 0)) return;
  std::vector<double> spread(dim_ * dim_);  // S = factor factor^T
  for (size_t i = 0; i < dim_; ++i) {
    for (size_t j = 0; j < dim_; ++j) {
      for (size_t k = 0; k <= std::min(i, j); ++k)
        spread[i * dim_ + j] += all.factor[i * dim_ + k] * all.factor[j * dim_ + k];
    }
  }
  std::vector<Component> components = begin(points, weights, all, random);
  for (int step = 0; step < steps && !components.empty(); ++step) {
    components = improved(components, points, weights, spread);
  }
  if (components.empty()) components = {all};
  double total = 0;
  for (const Component& component : components) total += component.weight;
  for (Component& component : components) component.weight /= total;
  components_ = std::move(components);
}

void StudentMixture::sample(core::Philox& random, std::span<double> z) const {
  for (double& value : z) value = random.normal();
  if (components_.empty() || random.uniform() < normal_share) return;
  std::vector<double> weights;
  for (const Component& component : components_) weights.push_back(component.weight);
  const Component& component = components_[drawn(weights, random)];
  double chi_squared = 0;
  for (int i = 0; i < halves_of_df; ++i) chi_squared -= 2 * std::log(random.uniform_open());
  const double stretch = std::sqrt(df / chi_squared);
  for (size_t i = dim_; i-- > 0;) {  // in place: row i needs the first i numbers
    double sum = 0;
    for (size_t k = 0; k <= i; ++k) sum += component.factor[i * dim_ + k] * z[k];
    z[i] = component.mean[i] + stretch * sum;
  }
}

double StudentMixture::log_density(std::span<const double> z) const {
  const double normal = log_standard_normal(z);
  if (components_.empty()) return normal;
  const double half_dim = 0.5 * static_cast<double>(dim_);
  const double constant =
      log_gamma(0.5 * df + half_dim) - log_gamma(0.5 * df) - half_dim * std::log(df * std::numbers::pi);
  std::vector<double> logs{std::log(normal_share) + normal};
  for (const Component& component : components_) {
    logs.push_back(std::log((1 - normal_share) * component.weight) + constant - component.log_volume -
                   (0.5 * df + half_dim) * std::log1p(squared_distance(component, z) / df));
  }
  const double most = *std::max_element(logs.begin(), logs.end());
  double sum = 0;
  for (const double value : logs) sum += std::exp(value - most);
  return most + std::log(sum);
}

}  // namespace fluxsbi::data
