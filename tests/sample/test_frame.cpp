#include <cmath>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "sample/draw.hpp"
#include "sample/exact_source.hpp"
#include "sample/frame.hpp"

using namespace fluxsbi;
using Catch::Matchers::WithinAbs;

namespace {

const std::vector<float> three_observations{0.5F, 0, -2};
const data::Regression regression{{0.3, -1}, {2, -0.7}, {0.5, 0.2}};

// The standard normal, which the residuals of a linear Gaussian are.
sample::Evaluate standard_normal(const method::Path& path) {
  return [&path](const at::Tensor& time, const at::Tensor& x, const at::Tensor&) {
    at::Tensor t = time.to(at::kDouble).view({-1, 1, 1});
    if (path.end() == 1) t = t.clamp_max(1 - 1e-7);  // flow divides by the noise, 0 at the data
    const at::Tensor wide = x.to(at::kDouble);
    const method::Level level = path.level(t);
    const at::Tensor data = level.signal / (level.signal.square() + level.noise.square()) * wide;
    const method::Linear linear = path.denoised(t);
    return ((data - linear.x * wide) / linear.network).to(x.scalar_type());
  };
}

struct LinearGaussian : test::ExactSource {
  LinearGaussian() : ExactSource("flow", standard_normal) {
    units = {{10, -3}, {2, 4}};
    source.frame = sample::Frame(units, regression, three_observations);
  }
  // Of theta_0 and theta_1 given an observation: theta = mean + scale (c + s r).
  std::vector<double> mean(size_t row) const {
    const double x = static_cast<double>(three_observations[row]);
    return {10 + 2 * (0.3 + 2 * x), -3 + 4 * (-1 - 0.7 * x)};
  }
};

}  // namespace

TEST_CASE("draws of a model with a regression are of their observations", "[sample][frame]") {
  const LinearGaussian exact;
  constexpr int64_t draws = 4000;
  const auto samples = sample::draw(exact.source, {.rows = 3, .draws = draws, .seed = 5, .chunk = 1000}, {});
  for (size_t row = 0; row < 3; ++row) {
    double sum[2] = {0, 0}, squares[2] = {0, 0}, product = 0;
    const auto mean = exact.mean(row);
    for (size_t i = 0; i < draws; ++i) {
      const double* value = samples.values.data() + 2 * (row * draws + i);
      for (size_t k = 0; k < 2; ++k) {
        sum[k] += (value[k] - mean[k]) / draws;
        squares[k] += (value[k] - mean[k]) * (value[k] - mean[k]) / draws;
      }
      product += (value[0] - mean[0]) * (value[1] - mean[1]) / draws;
    }
    // Deviations 2 * .5 and 4 * .2; five standard errors of 4,000 draws.
    CHECK_THAT(sum[0], WithinAbs(0, 5 * 1.0 / 63));
    CHECK_THAT(sum[1], WithinAbs(0, 5 * 0.8 / 63));
    CHECK_THAT(squares[0], WithinAbs(1, 5 * std::sqrt(2.0) / 63));
    CHECK_THAT(squares[1], WithinAbs(0.64, 5 * 0.64 * std::sqrt(2.0) / 63));
    CHECK_THAT(product, WithinAbs(0, 5 * 0.8 / 63));
  }
}

TEST_CASE("densities of a model with a regression are theta's", "[sample][frame][density]") {
  const LinearGaussian exact;
  const std::vector<double> theta{11, -4, 11, -4, 3, -1, 11, -4};
  const std::vector<int64_t> observations{0, 1, 2, 2};
  const auto found = sample::log_prob(exact.source, theta, observations, {}, {}, {4096, 1e9});
  for (size_t i = 0; i < observations.size(); ++i) {
    const auto mean = exact.mean(static_cast<size_t>(observations[i]));
    const double r_0 = (theta[2 * i] - mean[0]) / 2 / 0.5, r_1 = (theta[2 * i + 1] - mean[1]) / 4 / 0.2;
    const double expected = -(r_0 * r_0 + r_1 * r_1) / 2 - std::log(2 * M_PI) - std::log(2 * 0.5 * 4 * 0.2);
    CAPTURE(i, expected);
    // The error of a step is below 2e-6 of a result as far out as 100.
    CHECK_THAT(found.values[i], WithinAbs(expected, 1e-4 * std::max(1.0, std::abs(expected))));
  }
}

TEST_CASE("the slope's gradient is that of a frame with transforms", "[sample][frame]") {
  const data::Standardiser units{{0.2, -0.5}, {1.5, 0.8}, data::between({{-1, 2}, {3, INFINITY}})};
  const sample::Frame frame(units, regression, three_observations);
  const std::vector<int64_t> rows{1};
  const std::vector<float> state{0.4F, -0.25F};
  const auto gradient = frame.log_slope_gradient(state, rows);
  constexpr float step = 1e-2F;
  for (size_t k = 0; k < 2; ++k) {
    std::vector<float> high = state, low = state;
    high[k] += step;
    low[k] -= step;
    const double slope =
        (frame.log_slope(frame.values_of(high, rows)) - frame.log_slope(frame.values_of(low, rows))) /
        static_cast<double>(high[k] - low[k]);
    CHECK_THAT(gradient[k], WithinAbs(slope, 1e-4));  // second order in the step
  }
}

TEST_CASE("states keep digits that float32 values would lose", "[sample][frame]") {
  // theta is 1e6 away and known to 1e-6 given x.
  const data::Standardiser units{{0}, {1}};
  const data::Regression narrow{{0}, {1e6}, {1e-6}};
  const sample::Frame frame(units, narrow, std::vector<float>{1});
  const std::vector<int64_t> rows{0};
  const auto value = frame.values_of(std::vector<float>{0.25F}, rows);
  CHECK_THAT(value[0] - 1e6, WithinAbs(0.25e-6, 2e-10));  // a step of double there is 1.2e-10
  CHECK_THAT(frame.state_of(value, rows)[0], WithinAbs(0.25, 2e-4));
}
