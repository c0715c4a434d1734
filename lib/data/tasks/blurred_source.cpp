#include "data/tasks/blurred_source.hpp"

#include <array>
#include <cmath>
#include <numbers>

#include "data/prior/density.hpp"
#include "data/prior/truncated_normal.hpp"
#include "data/tasks/grid_density.hpp"

namespace fluxsbi::data {

namespace {

constexpr size_t side = 16;
constexpr double place_low = 3, place_high = 12, flux_low = 4, flux_high = 12;
constexpr double width = 1.5, noise_sd = 0.1;

// The blurred source along one axis: s_ij = profile(row)_i profile(column)_j.
std::array<double, side> profile(double place) {
  std::array<double, side> values{};
  for (size_t i = 0; i < side; ++i) {
    const double distance = (static_cast<double>(i) - place) / width;
    values[i] = std::exp(-0.5 * distance * distance) / (width * std::sqrt(2 * std::numbers::pi));
  }
  return values;
}

// The flux given the place: normal with this mean and standard deviation, before the prior cuts it.
struct Flux {
  double mean, sd;
  double low() const { return (flux_low - mean) / sd; }
  double high() const { return (flux_high - mean) / sd; }
};

// Least squares: mean = sum x s / sum s^2, sd = noise / sqrt(sum s^2).
Flux flux_at(const std::vector<double>& image, double row, double column) {
  const auto down = profile(row), across = profile(column);
  double squares_down = 0, squares_across = 0, product = 0;
  for (size_t i = 0; i < side; ++i) {
    squares_down += down[i] * down[i];
    squares_across += across[i] * across[i];
    double line = 0;
    for (size_t j = 0; j < side; ++j) line += image[i * side + j] * across[j];
    product += down[i] * line;
  }
  const double squares = squares_down * squares_across;
  return {product / squares, noise_sd / std::sqrt(squares)};
}

}  // namespace

BlurredSource::BlurredSource()
    : prior_(make_prior(
          {PriorKind::box, {place_low, place_low, flux_low}, {place_high, place_high, flux_high}, {}, {}},
          3)) {}

void BlurredSource::simulate(std::span<const double> theta, core::Philox& random, std::span<double> x) const {
  const auto down = profile(theta[0]), across = profile(theta[1]);
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = theta[2] * down[i / side] * across[i % side] + noise_sd * random.normal();
  }
}

double BlurredSource::log_likelihood(std::span<const double> theta, std::span<const double> x) const {
  const auto down = profile(theta[0]), across = profile(theta[1]);
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    sum += log_normal(x[i], theta[2] * down[i / side] * across[i % side], noise_sd);
  }
  return sum;
}

PosteriorDraw BlurredSource::posterior(std::span<const double> x) const {
  const std::vector<double> image(x.begin(), x.end());
  // integral of exp(-(flux - mean)^2 / (2 sd^2) + mean^2 / (2 sd^2)) over the prior's flux
  const auto log_density = [image](std::span<const double> at) {
    const Flux flux = flux_at(image, at[0], at[1]);
    const double signal = flux.mean / flux.sd;
    return 0.5 * signal * signal + std::log(flux.sd) + log_normal_mass(flux.low(), flux.high());
  };
  const GridDensity plane(log_density, {{place_low, place_low}, {place_high, place_high}}, plane_cells);
  return [image, plane](core::Philox& random, std::span<double> theta) {
    plane.sample(random, theta.first(2));
    const Flux flux = flux_at(image, theta[0], theta[1]);
    theta[2] =
        flux.mean + flux.sd * truncated_normal_quantile(random.uniform_open(), flux.low(), flux.high());
  };
}

}  // namespace fluxsbi::data
