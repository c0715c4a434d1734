#include <algorithm>
#include <cmath>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "core/error.hpp"
#include "core/philox.hpp"
#include "data/errors.hpp"
#include "data/sbibm_files.hpp"
#include "data/simulate/exact_posterior.hpp"
#include "data/simulate/simulate.hpp"
#include "data/tasks/task.hpp"
#include "io/files.hpp"
#include "support/sanitized.hpp"
#include "support/temporary_folder.hpp"

using namespace fluxsbi;
using test::says;

namespace {

std::string benchmark_task() {
  return GENERATE("two_moons", "gaussian_linear", "gaussian_linear_uniform", "gaussian_mixture", "slcp",
                  "sir", "lotka_volterra");
}

std::string any_task() {
  return GENERATE("two_moons", "gaussian_linear", "gaussian_linear_uniform", "gaussian_mixture", "slcp",
                  "ar1_series", "blurred_source", "normal_set");
}

/// Two-sample Kolmogorov-Smirnov statistic times sqrt(nm/(n+m)).
double kolmogorov(std::vector<double> a, std::vector<double> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  double largest = 0;
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    const double at = std::min(a[i], b[j]);
    while (i < a.size() && a[i] <= at) ++i;
    while (j < b.size() && b[j] <= at) ++j;
    const double difference = static_cast<double>(i) / std::ssize(a) - static_cast<double>(j) / std::ssize(b);
    largest = std::max(largest, std::abs(difference));
  }
  const auto n = static_cast<double>(a.size()), m = static_cast<double>(b.size());
  return largest * std::sqrt(n * m / (n + m));
}

}  // namespace

TEST_CASE("the rank of the true theta among exact posterior draws is uniform", "[data][posterior]") {
  // Simulation-based calibration over the whole prior, with two_moons' x_0 > 0.25 where careless samplers
  // fail.
  const auto task = data::make_task(any_task());
  CAPTURE(task->name());
  constexpr int64_t draws = 19, ranks = draws + 1;
  const bool by_grid = task->x_shape().size() > 1 || task->name() == "slcp";  // costs more
  const int64_t rows = test::unless_sanitized(by_grid ? 300 : 4000, by_grid ? 60 : 200);
  const auto simulated = data::simulate(*task, rows, 2);
  const auto dim = task->theta_dim(), x_dim = task->x_dim();
  // A direction that sees the modes of two_moons as well as their axes
  const auto project = [&](const float* theta) {
    double sum = 0;
    for (int64_t j = 0; j < dim; ++j) sum += theta[j] / static_cast<double>(1 + j);
    return sum;
  };
  std::vector<double> counts(ranks);
  for (int64_t row = 0; row < rows; ++row) {
    const auto x =
        std::span(simulated.x).subspan(static_cast<size_t>(row * x_dim), static_cast<size_t>(x_dim));
    const auto samples = data::sample_exact_posterior(*task, x, draws, static_cast<uint64_t>(row));
    const double truth = project(simulated.theta.data() + row * dim);
    size_t rank = 0;
    for (int64_t draw = 0; draw < draws; ++draw) rank += project(samples.data() + draw * dim) < truth;
    ++counts[rank];
  }
  double chi_squared = 0;
  const double expected = static_cast<double>(rows) / static_cast<double>(ranks);
  for (const double count : counts) chi_squared += (count - expected) * (count - expected) / expected;
  constexpr double limit = 54.1;  // chi-squared with 19 degrees of freedom, p = 3e-5
  REQUIRE(chi_squared < limit);
}

TEST_CASE("exact posterior draws are possible under prior and likelihood", "[data][posterior]") {
  const auto task = data::make_task(any_task());
  const size_t rows = test::unless_sanitized(50, 8);
  const auto simulated = data::simulate(*task, static_cast<int64_t>(rows), 3);
  const auto dim = static_cast<size_t>(task->theta_dim()), x_dim = static_cast<size_t>(task->x_dim());
  for (size_t row = 0; row < rows; ++row) {
    const auto x = std::span(simulated.x).subspan(row * x_dim, x_dim);
    const std::vector<double> observation(x.begin(), x.end());
    core::Philox random(1, core::Purpose::posterior, row);
    const auto draw_from = task->posterior(observation);
    std::vector<double> theta(dim);
    for (int draw = 0; draw < 100; ++draw) {
      draw_from(random, theta);
      REQUIRE(task->prior().in_support(theta));
      REQUIRE(std::isfinite(task->log_likelihood(theta, observation)));
    }
  }
}

TEST_CASE("exact posterior draws agree with the benchmark's reference samples", "[data][posterior]") {
  const auto task = data::make_task(benchmark_task());
  const std::string name(task->name());
  if (!test::has_sbibm(name + "/observations.npy"))
    SKIP("the benchmark's references are not there (FLUXSBI_SBIBM)");
  const auto observations = test::sbibm_table(name + "/observations.npy");
  for (int64_t k = 0; k < test::unless_sanitized<int64_t>(observations.rows, 2); ++k) {
    const auto reference = test::sbibm_table(name + "/num_observation_" + std::to_string(k + 1) +
                                             "/reference_posterior_samples.npy");
    const auto row = observations.row(k);
    const std::vector<float> x(row.begin(), row.end());
    const int64_t draws = test::unless_sanitized<int64_t>(reference.rows, 500);
    const auto samples = data::sample_exact_posterior(*task, x, draws, 4);
    const auto dim = task->theta_dim();
    for (int64_t j = 0; j <= dim; ++j) {
      CAPTURE(name, k, j);
      // each component, and last the difference of the first two, which sees their correlation
      const auto component = [&](const auto& values, int64_t i) {
        const auto at = [&](int64_t c) {
          return static_cast<double>(values[static_cast<size_t>(i * dim + c)]);
        };
        return j < dim ? at(j) : at(0) - at(1);
      };
      std::vector<double> ours, theirs;
      for (int64_t i = 0; i < draws; ++i) ours.push_back(component(samples, i));
      for (int64_t i = 0; i < reference.rows; ++i) theirs.push_back(component(reference.values, i));
      constexpr double limit = 2.4;  // Kolmogorov-Smirnov, p = 2e-5, for 420 comparisons
      REQUIRE(kolmogorov(ours, theirs) < limit);
    }
  }
}

TEST_CASE("posterior draws depend on seed and number alone", "[data][posterior]") {
  const auto task = data::make_task("two_moons");
  const std::vector<float> x{-0.2f, 0.1f};
  const auto few = data::sample_exact_posterior(*task, x, 5, 9),
             many = data::sample_exact_posterior(*task, x, 8, 9);
  REQUIRE(std::equal(few.begin(), few.end(), many.begin()));
  REQUIRE(few != data::sample_exact_posterior(*task, x, 5, 10));
}

TEST_CASE("an observation that the prior cannot make is refused", "[data][posterior]") {
  const auto task = data::make_task("two_moons");
  REQUIRE_USER_ERROR(data::sample_exact_posterior(*task, std::vector<float>{50, 0}, 1, 0),
                     says("no theta of the prior makes x = (50, 0)"));
}

TEST_CASE("draws of an exact posterior stand in a file beside the observations", "[data][posterior]") {
  const test::TemporaryFolder folder;
  const std::vector<float> x{0, 0, -0.3F, 0.4F};
  io::save_arrays(folder.file("x.npz"), {{"x", io::Array::from(std::span<const float>(x), {2, 2})}});
  const std::string out = folder.file("exact.npz");
  CHECK(data::write_exact_posterior({"two_moons", folder.file("x.npz"), out, 4, 1}) ==
        std::vector<int64_t>{2, 4, 2});
  const auto written = io::load_arrays(out).arrays;
  CHECK(written.at("x").to_float() == x);
  const auto second = data::sample_exact_posterior(*data::make_task("two_moons"), std::span(x).subspan(2), 4,
                                                   core::derive_seed(1, core::Purpose::posterior, 1));
  const auto samples = written.at("samples").to_float();
  CHECK(std::vector<float>(samples.begin() + 8, samples.end()) ==
        std::vector<float>(second.begin(), second.end()));
  CHECK_THROWS_AS(data::write_exact_posterior({"bernoulli_glm", folder.file("x.npz"), out, 4, 1}),
                  core::UserError);
}
