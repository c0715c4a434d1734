#include "data/tasks/sir.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "data/tasks/binomial.hpp"
#include "data/tasks/fitted_density.hpp"
#include "data/tasks/populations.hpp"

namespace fluxsbi::data {

namespace {

constexpr double people = 1e6, days = 160, days_between = 17;
constexpr int64_t sampled = 1000;

}  // namespace

Sir::Sir()
    : prior_(make_prior({PriorKind::lognormal, {}, {}, {std::log(0.4), std::log(0.125)}, {0.5, 0.2}}, 2)) {}

DataNeeds Sir::data_needs() const {
  return {.constant = ConstantColumns::keep,
          .transform_theta = TransformWord::log,
          .transform_x = TransformWord::log};
}

std::optional<std::array<double, Sir::counts>> Sir::infected(std::span<const double> theta) {
  // u = S / N, v = I / N
  std::array<double, counts> times{}, shares{};
  for (size_t i = 0; i < counts; ++i) times[i] = days_between * static_cast<double>(i);
  std::array<Populations, counts> at{};
  const PopulationRates rates{.growth = 0, .predation = theta[0], .gain = theta[0], .death = theta[1]};
  if (!follow_populations(rates, {1 - 1 / people, 1 / people}, times, days, at)) return {};
  for (size_t i = 0; i < counts; ++i) shares[i] = std::clamp(at[i].v, 0.0, 1.0);
  return shares;
}

void Sir::simulate(std::span<const double> theta, core::Philox& random, std::span<double> x) const {
  const auto shares = infected(theta);
  for (size_t i = 0; i < counts; ++i) {
    x[i] = shares ? static_cast<double>(binomial(sampled, (*shares)[i], random))
                  : std::numeric_limits<double>::quiet_NaN();
  }
}

double Sir::log_likelihood(std::span<const double> theta, std::span<const double> x) const {
  const auto shares = infected(theta);
  if (!shares) return -std::numeric_limits<double>::infinity();
  double sum = 0;
  for (size_t i = 0; i < counts; ++i) sum += log_binomial(x[i], sampled, (*shares)[i]);
  return sum;
}

PosteriorDraw Sir::posterior(std::span<const double> x) const {
  return fitted_posterior(*this, x);
}

std::vector<std::string> Sir::edges(size_t tokens) const {
  return edges_of_parameters(tokens, std::array<size_t, 1>{0});
}

}  // namespace fluxsbi::data
