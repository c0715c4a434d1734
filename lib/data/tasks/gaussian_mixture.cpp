#include "data/tasks/gaussian_mixture.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "data/prior/density.hpp"

namespace fluxsbi::data {

namespace {

constexpr std::array<double, 2> component_sd{1, 0.1};

std::array<double, 3> draw_noise(core::Philox& random) {
  const double component = random.uniform() < 0.5 ? 0 : 1;
  const double n0 = random.normal();
  return {component, n0, random.normal()};
}

}  // namespace

GaussianMixture::GaussianMixture() : prior_(make_prior({PriorKind::box, {-10}, {10}, {}, {}}, 2)) {}

void GaussianMixture::add_noise(std::span<const double> theta, std::span<const double> noise,
                                std::span<double> x) {
  const double sd = component_sd[noise[0] != 0];
  x[0] = theta[0] + sd * noise[1];
  x[1] = theta[1] + sd * noise[2];
}

void GaussianMixture::simulate(std::span<const double> theta, core::Philox& random,
                               std::span<double> x) const {
  add_noise(theta, draw_noise(random), x);
}

double GaussianMixture::log_likelihood(std::span<const double> theta, std::span<const double> x) const {
  std::array<double, 2> parts{};
  for (size_t k = 0; k < parts.size(); ++k) {
    parts[k] = std::log(0.5) + log_normal(x[0], theta[0], component_sd[k]) +
               log_normal(x[1], theta[1], component_sd[k]);
  }
  // log(e^a + e^b) about the larger one, so that far tails do not underflow
  const double larger = std::max(parts[0], parts[1]), smaller = std::min(parts[0], parts[1]);
  return larger + std::log1p(std::exp(smaller - larger));
}

void GaussianMixture::sample_posterior(std::span<const double> x, core::Philox& random,
                                       std::span<double> theta) const {
  // Under the flat prior theta given x and the component is normal around x, cut to the box. Component and
  // theta are redrawn together: redrawing theta alone would give both components equal weight after the cut.
  for (int64_t attempt = 0; attempt < max_posterior_tries; ++attempt) {
    add_noise(x, draw_noise(random), theta);
    if (prior_->in_support(theta)) return;
  }
  fail_posterior(x);
}

}  // namespace fluxsbi::data
