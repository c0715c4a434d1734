// The series, the image and the set that serve as examples for embedding networks.
#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "data/data_options.hpp"
#include "data/dataset.hpp"
#include "data/errors.hpp"
#include "data/files/observations.hpp"
#include "data/loaded.hpp"
#include "data/prior/truncated_normal.hpp"
#include "data/scratch.hpp"
#include "data/simulate/simulate.hpp"
#include "data/simulate/simulate_to_file.hpp"
#include "data/tasks/grid_density.hpp"
#include "io/files.hpp"

using namespace fluxsbi;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using test::says;

namespace {

struct Moments {
  std::vector<double> mean, sd;
};

/// Of theta under weights of the points.
Moments moments_of(const std::vector<std::vector<double>>& points, const std::vector<double>& weights) {
  double total = 0;
  for (const double w : weights) total += w;
  Moments result;
  for (size_t j = 0; j < points.front().size(); ++j) {
    double mean = 0, square = 0;
    for (size_t i = 0; i < points.size(); ++i) mean += weights[i] * points[i][j] / total;
    for (size_t i = 0; i < points.size(); ++i) {
      square += weights[i] * (points[i][j] - mean) * (points[i][j] - mean) / total;
    }
    result.mean.push_back(mean);
    result.sd.push_back(std::sqrt(square));
  }
  return result;
}

/// The posterior's moments by the task's own likelihood, at `count` midpoints a parameter over the part of
/// the prior's box within 6 standard deviations of `about`.
Moments by_grid(const data::Task& task, const std::vector<double>& x, const Moments& about, int count) {
  const size_t dim = about.mean.size();
  size_t total = 1;
  for (size_t j = 0; j < dim; ++j) total *= static_cast<size_t>(count);
  const data::PriorOptions box = task.prior().options();
  const auto bound = [](const std::vector<double>& bounds, size_t j) {
    return bounds.at(bounds.size() > 1 ? j : 0);
  };
  std::vector<std::vector<double>> points;
  std::vector<double> log_weights;
  for (size_t index = 0; index < total; ++index) {
    std::vector<double> theta(dim);
    size_t rest = index;
    for (size_t j = 0; j < dim; ++j) {
      const double share = (static_cast<double>(rest % static_cast<size_t>(count)) + 0.5) / count;
      const double low = std::max(about.mean[j] - 6 * about.sd[j], bound(box.low, j));
      const double high = std::min(about.mean[j] + 6 * about.sd[j], bound(box.high, j));
      theta[j] = low + (high - low) * share;
      rest /= static_cast<size_t>(count);
    }
    points.push_back(theta);
    log_weights.push_back(task.log_likelihood(theta, x));
  }
  const double most = *std::max_element(log_weights.begin(), log_weights.end());
  for (double& w : log_weights) w = std::exp(w - most);
  return moments_of(points, log_weights);
}

}  // namespace

TEST_CASE("an example's exact posterior has the moments of prior times likelihood",
          "[data][task][posterior]") {
  const auto task = data::make_task(GENERATE("ar1_series", "blurred_source", "normal_set"));
  CAPTURE(task->name());
  constexpr int64_t rows = 3, draws = 20000;
  const auto simulated = data::simulate(*task, rows, 7);
  const auto dim = static_cast<size_t>(task->theta_dim()), x_dim = static_cast<size_t>(task->x_dim());
  for (size_t row = 0; row < rows; ++row) {
    const auto x = std::span(simulated.x).subspan(row * x_dim, x_dim);
    const auto samples = data::sample_exact_posterior(*task, x, draws, row);
    std::vector<std::vector<double>> points;
    for (size_t i = 0; i < draws; ++i) {
      points.emplace_back(samples.begin() + static_cast<int64_t>(i * dim),
                          samples.begin() + static_cast<int64_t>((i + 1) * dim));
    }
    const Moments found = moments_of(points, std::vector<double>(draws, 1.0));
    const int count = dim == 2 ? 120 : 24;
    const Moments expected = by_grid(*task, {x.begin(), x.end()}, found, count);
    const double error = 5 / std::sqrt(static_cast<double>(draws));  // five sigma, in standard deviations
    for (size_t j = 0; j < dim; ++j) {
      CAPTURE(row, j);
      CHECK_THAT(found.mean[j], WithinAbs(expected.mean[j], error * expected.sd[j]));
      // the grid sees little beyond; a heavy tail at a prior's bound has twice a normal's error
      CHECK_THAT(found.sd[j], WithinRel(expected.sd[j], 2 * error));
    }
  }
}

TEST_CASE("an example's likelihood is its equation", "[data][task]") {
  const double half_log_two_pi = 0.5 * std::log(2 * M_PI);
  SECTION("of a series that is 0 but for its first two values") {
    const auto task = data::make_task("ar1_series");
    std::vector<double> x(64);
    x[0] = 2;
    x[1] = 1;  // steps 2, 1 - 0.5 * 2 = 0 and 0 - 0.5 * 1, then zeros, with sigma = e^0.25
    const double expected = -64 * (half_log_two_pi + 0.25) - 0.5 * (4 + 0.25) * std::exp(-0.5);
    CHECK_THAT(task->log_likelihood(std::vector<double>{0.5, 0.25}, x), WithinRel(expected, 1e-12));
  }
  SECTION("of an empty image") {
    const auto task = data::make_task("blurred_source");
    // far from the borders the sum of s^2 is the integral 1 / (4 pi w^2)
    const double squares = 36 / (4 * M_PI * 2.25);
    const double expected = -256 * (half_log_two_pi + std::log(0.1)) - 0.5 * squares / 0.01;
    CHECK_THAT(task->log_likelihood(std::vector<double>{7.5, 7.3, 6}, std::vector<double>(256)),
               WithinRel(expected, 1e-6));
  }
  SECTION("of a set of two") {
    const auto task = data::make_task("normal_set");
    std::vector<double> x(20, std::numeric_limits<double>::quiet_NaN());
    x[0] = 1;
    x[7] = -1;
    const double expected = -std::log(19) - 2 * (half_log_two_pi + 0.5) - 0.5 * (0.25 + 2.25) * std::exp(-1);
    CHECK_THAT(task->log_likelihood(std::vector<double>{0.5, 0.5}, x), WithinRel(expected, 1e-12));
  }
}

TEST_CASE("the sets have 2 to 20 elements, the absent ones last", "[data][task]") {
  const auto simulated = data::simulate(*data::make_task("normal_set"), 1000, 1);
  std::set<int64_t> sizes;
  for (int64_t row = 0; row < 1000; ++row) {
    const auto* x = simulated.x.data() + row * 20;
    const int64_t n = std::count_if(x, x + 20, [](float v) { return std::isfinite(v); });
    CHECK(std::none_of(x, x + n, [](float v) { return std::isnan(v); }));
    sizes.insert(n);
  }
  CHECK(*sizes.begin() == 2);
  CHECK(std::ssize(sizes) == 19);
  CHECK(simulated.failed == std::vector<uint8_t>(1000));
}

TEST_CASE("series, images and sets keep their axes in a file and come back", "[data][task][simulate]") {
  const test::Scratch scratch;
  const struct {
    const char* task;
    std::vector<int64_t> shape, grid;
    int64_t tokens;
  } cases[] = {{"ar1_series", {5, 64, 1}, {}, 64},
               {"blurred_source", {5, 16, 16, 1}, {16, 16}, 256},
               {"normal_set", {5, 20, 1}, {}, 20}};
  for (const auto& [name, shape, grid, tokens] : cases) {
    CAPTURE(name);
    data::SimulateRequest request;
    request.output = scratch.path(std::string(name) + ".npz");
    request.task = name;
    request.simulations = 5;
    request.seed = 3;
    CHECK(data::simulate_to_file(request).failed == 0);
    CHECK(io::load_arrays(request.output).arrays.at("x").shape == shape);
    data::DataOptions options;
    options.file = request.output;
    options.nan = data::make_task(name)->padded() ? data::NanPolicy::pad : data::NanPolicy::error;
    const auto dataset = test::load_dataset(options, 0);
    options.file.reset();
    options.task = name;
    options.simulations = 5;
    const auto simulated = test::load_dataset(options, 3);
    for (const auto* from : {&dataset, &simulated}) {
      CHECK(from->shape.x_dim == tokens);
      CHECK(from->shape.x_channels == 1);
      CHECK(from->shape.x_grid == grid);
      CHECK(from->shape.padded == data::make_task(name)->padded());
    }
    CHECK(simulated.theta == dataset.theta);
    const auto observations = data::load_observations(request.output, dataset.shape, {});
    CHECK(observations.rows == 5);
  }
}

TEST_CASE("draws from a plane's density are drawn where it is, however narrow", "[data][posterior]") {
  const double sd = GENERATE(10.0, 0.3, 0.01);  // wider than the box, within it, a speck
  CAPTURE(sd);
  const auto log_density = [sd](std::span<const double> at) {
    const double a = at[0], b = at[1];
    return -0.5 * ((a - 0.2) * (a - 0.2) + (b - a) * (b - a)) / (sd * sd);
  };
  const data::GridDensity plane(log_density, {{-1, -1}, {1, 1}}, data::plane_cells);
  core::Philox random(1, core::Purpose::test);
  double mean = 0, difference = 0;
  constexpr int draws = 4000;
  std::vector<double> point(2);
  for (int i = 0; i < draws; ++i) {
    plane.sample(random, point);
    REQUIRE((std::abs(point[0]) <= 1 && std::abs(point[1]) <= 1));
    mean += point[0] / draws;
    difference += (point[1] - point[0]) * (point[1] - point[0]) / draws;
  }
  if (sd < 0.1) {
    CHECK_THAT(mean, WithinAbs(0.2, 5 * sd / std::sqrt(draws)));
    CHECK_THAT(difference, WithinRel(sd * sd, 5 * std::sqrt(2.0 / draws)));
  } else if (sd > 1) {  // almost flat
    CHECK_THAT(mean, WithinAbs(0, 5 / std::sqrt(3.0 * draws)));
    CHECK_THAT(difference, WithinRel(2.0 / 3, 0.1));
  }
}

TEST_CASE("a truncated normal's quantiles hold in the middle and in far tails", "[data][posterior]") {
  for (const auto& [low, high] :
       std::vector<std::pair<double, double>>{{-1, 2}, {0.5, 0.6}, {8, 9}, {-40, -39}}) {
    CAPTURE(low, high);
    for (const double u : {0.01, 0.5, 0.99}) {
      const double z = data::truncated_normal_quantile(u, low, high);
      REQUIRE((z > low && z < high));
      const double share = std::exp(data::log_normal_mass(low, z) - data::log_normal_mass(low, high));
      CHECK_THAT(share, WithinRel(u, 1e-6));
    }
  }
  CHECK_THAT(data::log_normal_mass(-1.959963985, 1.959963985), WithinAbs(std::log(0.95), 1e-9));
  CHECK_THAT(data::log_normal_mass(30, 31), WithinRel(-454.3212439955, 1e-8));  // log erfc(30 / sqrt 2) / 2
  CHECK_THAT(data::log_normal_mass(-31, -30), WithinRel(-454.3212439955, 1e-8));
}
