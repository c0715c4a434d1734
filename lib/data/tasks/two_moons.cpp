#include "data/tasks/two_moons.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "data/prior/density.hpp"

namespace fluxsbi::data {

namespace {

constexpr double radius_mean = 0.1, radius_sd = 0.01, shift = 0.25;
constexpr double inv_sqrt2 = std::numbers::sqrt2 / 2;

std::array<double, 2> draw_crescent(core::Philox& random) {
  const double angle = std::numbers::pi * (random.uniform() - 0.5);
  return {angle, radius_mean + radius_sd * random.normal()};
}

}  // namespace

TwoMoons::TwoMoons() : prior_(make_prior({PriorKind::box, {-1}, {1}, {}, {}}, 2)) {}

void TwoMoons::centre(std::span<const double> theta, std::span<double> centre) {
  centre[0] = -std::abs(theta[0] + theta[1]) * inv_sqrt2;
  centre[1] = (theta[1] - theta[0]) * inv_sqrt2;
}

void TwoMoons::add_noise(std::span<const double> centre, std::span<const double> noise, std::span<double> x) {
  const double angle = noise[0], radius = noise[1];
  x[0] = centre[0] + radius * std::cos(angle) + shift;
  x[1] = centre[1] + radius * std::sin(angle);
}

void TwoMoons::simulate(std::span<const double> theta, core::Philox& random, std::span<double> x) const {
  std::array<double, 2> point{};
  centre(theta, point);
  add_noise(point, draw_crescent(random), x);
}

double TwoMoons::log_likelihood(std::span<const double> theta, std::span<const double> x) const {
  std::array<double, 2> point{};
  centre(theta, point);
  const double u = x[0] - point[0] - shift, v = x[1] - point[1];
  // The half circle u <= 0 would need a radius below 0, ten standard deviations away (probability 1e-23).
  if (!(u > 0)) return -std::numeric_limits<double>::infinity();
  const double radius = std::hypot(u, v);
  return log_normal(radius, radius_mean, radius_sd) - std::log(std::numbers::pi) - std::log(radius);
}

void TwoMoons::sample_posterior(std::span<const double> x, core::Philox& random,
                                std::span<double> theta) const {
  for (int64_t attempt = 0; attempt < max_posterior_tries; ++attempt) {
    std::array<double, 2> point{};
    add_noise(std::array<double, 2>{}, draw_crescent(random), point);
    const double sign = random.uniform() < 0.5 ? 1 : -1;
    const double magnitude = point[0] - x[0], z1 = x[1] - point[1];
    if (magnitude < 0) continue;  // |z0| cannot be negative; sbibm keeps these, which are impossible
    const double z0 = sign * magnitude;
    theta[0] = (z0 - z1) * inv_sqrt2;
    theta[1] = (z0 + z1) * inv_sqrt2;
    if (prior_->in_support(theta)) return;
  }
  fail_posterior(x);
}

}  // namespace fluxsbi::data
