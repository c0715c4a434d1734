#include "data/tasks/ar1_series.hpp"

#include <cmath>

#include "data/prior/density.hpp"
#include "data/tasks/grid_density.hpp"

namespace fluxsbi::data {

namespace {

constexpr double bound = 1;  // of both parameters

}  // namespace

Ar1Series::Ar1Series() : prior_(make_prior({PriorKind::box, {-bound}, {bound}, {}, {}}, 2)) {}

void Ar1Series::simulate(std::span<const double> theta, core::Philox& random, std::span<double> x) const {
  const double rho = theta[0], sigma = std::exp(theta[1]);
  double previous = 0;
  for (double& value : x) {
    value = rho * previous + sigma * random.normal();
    previous = value;
  }
}

double Ar1Series::log_likelihood(std::span<const double> theta, std::span<const double> x) const {
  const double rho = theta[0], sigma = std::exp(theta[1]);
  double sum = 0, previous = 0;
  for (const double value : x) {
    sum += log_normal(value, rho * previous, sigma);
    previous = value;
  }
  return sum;
}

PosteriorDraw Ar1Series::posterior(std::span<const double> x) const {
  // sum_t (x_t - rho x_{t-1})^2 = now - 2 rho both + rho^2 before
  double now = 0, both = 0, before = 0, previous = 0;
  for (const double value : x) {
    now += value * value;
    both += value * previous;
    before += previous * previous;
    previous = value;
  }
  const auto n = static_cast<double>(x.size());
  const auto log_density = [=](std::span<const double> at) {
    const double rho = at[0], log_sigma = at[1];
    const double squares = now - 2 * rho * both + rho * rho * before;
    return -n * log_sigma - 0.5 * squares * std::exp(-2 * log_sigma);
  };
  return [plane = GridDensity(log_density, {{-bound, -bound}, {bound, bound}}, plane_cells)](
             core::Philox& random, std::span<double> theta) { plane.sample(random, theta); };
}

}  // namespace fluxsbi::data
