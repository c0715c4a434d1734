#include "data/tasks/normal_set.hpp"

#include <cmath>
#include <limits>

#include "data/prior/density.hpp"
#include "data/tasks/grid_density.hpp"

namespace fluxsbi::data {

namespace {

constexpr double mean_bound = 2, log_sd_bound = 1;
constexpr uint64_t fewest_draws = 2;

}  // namespace

NormalSet::NormalSet()
    : prior_(make_prior({PriorKind::box, {-mean_bound, -log_sd_bound}, {mean_bound, log_sd_bound}, {}, {}},
                        2)) {}

void NormalSet::simulate(std::span<const double> theta, core::Philox& random, std::span<double> x) const {
  const size_t n = fewest_draws + random.below(x.size() - fewest_draws + 1);
  const double sd = std::exp(theta[1]);
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = i < n ? theta[0] + sd * random.normal() : std::numeric_limits<double>::quiet_NaN();
  }
}

double NormalSet::log_likelihood(std::span<const double> theta, std::span<const double> x) const {
  const double sd = std::exp(theta[1]);
  double sum = -std::log(static_cast<double>(x.size() - fewest_draws + 1));
  for (const double value : x) {
    if (!std::isnan(value)) sum += log_normal(value, theta[0], sd);
  }
  return sum;
}

PosteriorDraw NormalSet::posterior(std::span<const double> x) const {
  double n = 0, mean = 0, squares = 0;  // about the mean
  for (const double value : x) {
    if (std::isnan(value)) continue;
    ++n;
    const double difference = value - mean;
    mean += difference / n;
    squares += difference * (value - mean);
  }
  const auto log_density = [=](std::span<const double> at) {
    const double mu = at[0], log_sd = at[1];
    const double all = squares + n * (mean - mu) * (mean - mu);
    return -n * log_sd - 0.5 * all * std::exp(-2 * log_sd);
  };
  return [plane = GridDensity(log_density, {{-mean_bound, -log_sd_bound}, {mean_bound, log_sd_bound}},
                              plane_cells)](core::Philox& random, std::span<double> theta) {
    plane.sample(random, theta);
  };
}

}  // namespace fluxsbi::data
