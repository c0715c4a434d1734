#include "data/tasks/gaussian_linear.hpp"

#include <array>
#include <cmath>
#include <utility>

#include "data/prior/density.hpp"

namespace fluxsbi::data {

namespace {

constexpr size_t theta_values = 10;
const double prior_sd = std::sqrt(0.1), posterior_sd = std::sqrt(0.05);

}  // namespace

const double GaussianLinear::noise_sd = std::sqrt(0.1);

GaussianLinear::GaussianLinear()
    : GaussianLinear(make_prior({PriorKind::normal, {}, {}, {0}, {prior_sd}}, theta_values)) {}

GaussianLinear::GaussianLinear(std::unique_ptr<Prior> prior) : prior_(std::move(prior)) {}

void GaussianLinear::add_noise(std::span<const double> theta, std::span<const double> noise,
                               std::span<double> x) {
  for (size_t i = 0; i < theta_values; ++i) x[i] = theta[i] + noise_sd * noise[i];
}

void GaussianLinear::simulate(std::span<const double> theta, core::Philox& random,
                              std::span<double> x) const {
  std::array<double, theta_values> noise;
  for (double& n : noise) n = random.normal();
  add_noise(theta, noise, x);
}

double GaussianLinear::log_likelihood(std::span<const double> theta, std::span<const double> x) const {
  double sum = 0;
  for (size_t i = 0; i < theta_values; ++i) sum += log_normal(x[i], theta[i], noise_sd);
  return sum;
}

std::vector<std::string> GaussianLinear::edges(size_t tokens) const {
  std::vector<std::string> rows(tokens, std::string(tokens, '0'));
  for (size_t i = 0; i < tokens; ++i) rows[i][i] = rows[i][(i + theta_values) % tokens] = '1';
  return rows;
}

void GaussianLinear::sample_posterior(std::span<const double> x, core::Philox& random,
                                      std::span<double> theta) const {
  for (size_t i = 0; i < theta_values; ++i) theta[i] = x[i] / 2 + posterior_sd * random.normal();
}

}  // namespace fluxsbi::data
