#include "data/tasks/lotka_volterra.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "data/prior/density.hpp"
#include "data/tasks/fitted_density.hpp"
#include "data/tasks/populations.hpp"

namespace fluxsbi::data {

namespace {

constexpr size_t moments = LotkaVolterra::values / 2;
constexpr double interval = 2.1, duration = 20, log_noise_sd = 0.1;
constexpr double fewest_animals = 1e-10, most_animals = 1e4;

}  // namespace

LotkaVolterra::LotkaVolterra()
    : prior_(make_prior({PriorKind::lognormal, {}, {}, {-0.125, -3, -0.125, -3}, {0.5}}, 4)) {}

DataNeeds LotkaVolterra::data_needs() const {
  return {.transform_theta = TransformWord::log, .transform_x = TransformWord::log};
}

std::optional<std::array<double, LotkaVolterra::values>> LotkaVolterra::populations(
    std::span<const double> theta) {
  std::array<double, moments> times{};
  for (size_t j = 0; j < moments; ++j) times[j] = interval * static_cast<double>(j);
  std::array<Populations, moments> at{};
  const PopulationRates rates{.growth = theta[0], .predation = theta[1], .gain = theta[3], .death = theta[2]};
  if (!follow_populations(rates, {30, 1}, times, duration, at)) return {};
  std::array<double, values> w{};
  for (size_t j = 0; j < moments; ++j) {
    w[j] = std::clamp(at[j].u, fewest_animals, most_animals);
    w[moments + j] = std::clamp(at[j].v, fewest_animals, most_animals);
  }
  return w;
}

void LotkaVolterra::add_noise(std::span<const double> w, std::span<const double> noise, std::span<double> x) {
  for (size_t i = 0; i < values; ++i) x[i] = w[i] * std::exp(log_noise_sd * noise[i]);
}

void LotkaVolterra::simulate(std::span<const double> theta, core::Philox& random, std::span<double> x) const {
  std::array<double, values> noise;
  for (double& n : noise) n = random.normal();
  const auto w = populations(theta);
  if (w) {
    add_noise(*w, noise, x);
  } else {
    std::fill(x.begin(), x.end(), std::numeric_limits<double>::quiet_NaN());
  }
}

double LotkaVolterra::log_likelihood(std::span<const double> theta, std::span<const double> x) const {
  constexpr double impossible = -std::numeric_limits<double>::infinity();
  const auto w = populations(theta);
  if (!w) return impossible;
  double sum = 0;
  for (size_t i = 0; i < values; ++i) {
    if (!(x[i] > 0)) return impossible;
    sum += log_normal(std::log(x[i]), std::log((*w)[i]), log_noise_sd) - std::log(x[i]);
  }
  return sum;
}

PosteriorDraw LotkaVolterra::posterior(std::span<const double> x) const {
  return fitted_posterior(*this, x);
}

std::vector<std::string> LotkaVolterra::edges(size_t tokens) const {
  return edges_of_parameters(tokens, std::array<size_t, 2>{0, moments});
}

}  // namespace fluxsbi::data
