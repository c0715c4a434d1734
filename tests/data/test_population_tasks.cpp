// sir and lotka_volterra: their differential equations, counts, failures and posteriors.
#include <algorithm>
#include <cmath>
#include <limits>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "data/data_options.hpp"
#include "data/dataset.hpp"
#include "data/errors.hpp"
#include "data/sbibm_files.hpp"
#include "data/simulate/row_simulator.hpp"
#include "data/simulate/simulate.hpp"
#include "data/survey.hpp"
#include "data/tasks/binomial.hpp"
#include "data/tasks/fitted_density.hpp"
#include "data/tasks/lotka_volterra.hpp"
#include "data/tasks/populations.hpp"
#include "data/tasks/sir.hpp"
#include "support/sanitized.hpp"

using namespace fluxsbi;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using test::says;

namespace {

/// The recorded curves of a task at all times, theirs by DOP853 at 1e-13: [20, curves, points].
struct Curves {
  test::Table theta, values;
  size_t points;
  double at(int64_t row, size_t curve, size_t point) const { return values.row(row)[curve * points + point]; }
};

Curves recorded_curves(const std::string& task, size_t points) {
  return {test::sbibm_table("vectors/" + task + "_theta.npy"),
          test::sbibm_table("vectors/" + task + "_ode.npy"), points};
}

std::vector<double> times_to(double end, size_t points) {
  std::vector<double> times;
  for (size_t i = 0; i < points; ++i)
    times.push_back(end * static_cast<double>(i) / static_cast<double>(points - 1));
  return times;
}

/// Mean, standard deviation and correlation of the first two columns of draws [*, dim].
struct Summary {
  std::vector<double> mean, sd;
  double correlation = 0;
};

Summary summary_of(const std::vector<double>& draws, size_t dim, const std::vector<double>& weights = {}) {
  const size_t count = draws.size() / dim;
  const auto weight = [&](size_t i) { return weights.empty() ? 1.0 : weights[i]; };
  double total = 0, product = 0;
  Summary found{std::vector<double>(dim), std::vector<double>(dim)};
  for (size_t i = 0; i < count; ++i) {
    total += weight(i);
    for (size_t j = 0; j < dim; ++j) found.mean[j] += weight(i) * draws[i * dim + j];
  }
  for (double& value : found.mean) value /= total;
  for (size_t i = 0; i < count; ++i) {
    const auto off = [&](size_t j) { return draws[i * dim + j] - found.mean[j]; };
    for (size_t j = 0; j < dim; ++j) found.sd[j] += weight(i) * off(j) * off(j) / total;
    product += weight(i) * off(0) * off(1) / total;
  }
  for (double& value : found.sd) value = std::sqrt(value);
  found.correlation = product / (found.sd[0] * found.sd[1]);
  return found;
}

std::vector<double> draws_of(const data::FittedDensity& density, size_t dim, size_t count) {
  std::vector<double> draws(count * dim);
  for (size_t i = 0; i < count; ++i) {
    core::Philox random(3, core::Purpose::test, i);
    density.sample(random, std::span(draws).subspan(i * dim, dim));
  }
  return draws;
}

data::SimulatedBatch simulated_at(const std::string& task, const std::vector<double>& theta) {
  const auto built_in = data::make_task(task);
  return data::TaskSimulator(*built_in, 1).run(0, theta);
}

}  // namespace

TEST_CASE("prey and predators follow the recorded curves", "[data][task][ode]") {
  if (!test::has_sbibm("vectors/lotka_volterra_ode.npy")) SKIP("the curves are not there (FLUXSBI_SBIBM)");
  const Curves curves = recorded_curves("lotka_volterra", 201);
  const auto times = times_to(20, curves.points);
  double worst = 0;
  for (int64_t i = 0; i < curves.theta.rows; ++i) {
    const auto theta = curves.theta.row(i);
    std::vector<data::Populations> at(curves.points);
    REQUIRE(data::follow_populations({theta[0], theta[1], theta[3], theta[2]}, {30, 1}, times, 20, at));
    for (size_t t = 0; t < curves.points; ++t) {
      worst = std::max(worst, std::abs(std::log(at[t].u / curves.at(i, 0, t))));
      worst = std::max(worst, std::abs(std::log(at[t].v / curves.at(i, 1, t))));
    }
  }
  CHECK(worst < 2e-6);
}

TEST_CASE("an epidemic follows the recorded curves", "[data][task][ode]") {
  if (!test::has_sbibm("vectors/sir_ode.npy")) SKIP("the curves are not there (FLUXSBI_SBIBM)");
  const Curves curves = recorded_curves("sir", 161);
  const auto times = times_to(160, curves.points);
  double worst = 0;
  for (int64_t i = 0; i < curves.theta.rows; ++i) {
    const auto theta = curves.theta.row(i);
    std::vector<data::Populations> at(curves.points);
    const data::PopulationRates rates{0, theta[0], theta[0], theta[1]};
    REQUIRE(data::follow_populations(rates, {1 - 1e-6, 1e-6}, times, 160, at));
    for (size_t t = 0; t < curves.points; ++t) {
      worst = std::max(worst, std::abs(1e6 * at[t].u - curves.at(i, 0, t)));
      worst = std::max(worst, std::abs(1e6 * at[t].v - curves.at(i, 1, t)));
    }
  }
  CHECK(worst < 0.2);  // people of a million
}

TEST_CASE("a single population grows and dies by its exponential", "[data][task][ode]") {
  std::vector<data::Populations> at(3);
  REQUIRE(data::follow_populations({0.7, 0, 0, 1.3}, {2, 3}, std::vector<double>{0, 1, 40}, 50, at));
  CHECK(at[0].u == 2);
  CHECK_THAT(at[1].v, WithinRel(3 * std::exp(-1.3), 1e-12));
  CHECK_THAT(at[2].u, WithinRel(2 * std::exp(28.0), 1e-10));
  CHECK_THAT(at[2].v, WithinRel(3 * std::exp(-52.0), 1e-10));
}

TEST_CASE("equations that a solver cannot follow fail as a whole", "[data][task][ode]") {
  std::vector<data::Populations> at(1);
  const std::vector<double> times{1};
  const double infinite = std::numeric_limits<double>::infinity();
  CHECK_FALSE(data::follow_populations({std::nan(""), 1, 1, 1}, {1, 1}, times, 2, at));
  CHECK_FALSE(data::follow_populations({1, infinite, 1, 1}, {1, 1}, times, 2, at));
  CHECK_FALSE(data::follow_populations({1, 1, 1, 1}, {-1, 1}, times, 2, at));
  // v' = v e^(1e4 t) leaves the numbers of double
  CHECK_FALSE(data::follow_populations({1e4, 0, 1, 0}, {1, 1}, times, 2, at));
  // some 1e6 oscillations are beyond 100,000 steps
  CHECK_FALSE(data::follow_populations({1e6, 1e6, 1e6, 1e6}, {1.1, 1}, times, 2, at));
}

TEST_CASE("a simulation whose solver fails is a row of NaN that counts as failed", "[data][task][ode]") {
  const auto name = GENERATE("sir", "lotka_volterra");
  const auto task = data::make_task(name);
  const auto dim = static_cast<size_t>(task->theta_dim());
  std::vector<double> theta(3 * dim, 0.1);
  for (size_t j = 0; j < dim; ++j) theta[dim + j] = std::numeric_limits<double>::infinity();
  const auto batch = simulated_at(name, theta);
  CHECK(batch.failed == std::vector<uint8_t>{0, 1, 0});
  const auto x_dim = static_cast<size_t>(task->x_dim());
  for (size_t i = 0; i < 3 * x_dim; ++i) CHECK(std::isnan(batch.x[i]) == (i / x_dim == 1));
  CHECK(task->log_likelihood(std::vector<double>(dim, std::numeric_limits<double>::infinity()),
                             std::vector<double>(x_dim, 1.0)) == -std::numeric_limits<double>::infinity());
}

TEST_CASE("data that a task cannot make have likelihood 0", "[data][task]") {
  const double impossible = -std::numeric_limits<double>::infinity();
  const std::vector<double> rates{0.4, 0.125};
  std::vector<double> counts(10, 3.0);
  CHECK(std::isfinite(data::Sir().log_likelihood(rates, counts)));
  for (const double wrong : {-1.0, 1001.0, 2.5, std::nan("")}) {
    counts[4] = wrong;
    CHECK(data::Sir().log_likelihood(rates, counts) == impossible);
  }
  const std::vector<double> theta{0.9, 0.05, 0.9, 0.05};
  std::vector<double> x(20, 2.0);
  CHECK(std::isfinite(data::LotkaVolterra().log_likelihood(theta, x)));
  for (const double wrong : {0.0, -1.0, std::nan("")}) {
    x[7] = wrong;
    CHECK(data::LotkaVolterra().log_likelihood(theta, x) == impossible);
  }
}

TEST_CASE("binomial draws have the binomial's frequencies", "[data][binomial]") {
  const auto& [n, p] =
      GENERATE(std::pair<int64_t, double>{1000, 0.3}, std::pair<int64_t, double>{1000, 0.999},
               std::pair<int64_t, double>{1000, 0.002}, std::pair<int64_t, double>{1, 0.25},
               std::pair<int64_t, double>{7, 0.5});
  CAPTURE(n, p);
  constexpr int64_t draws = 200000;
  std::vector<double> counts(static_cast<size_t>(n) + 1);
  core::Philox random(5, core::Purpose::test);
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < draws; ++i) {
    const int64_t k = data::binomial(n, p, random);
    REQUIRE((k >= 0 && k <= n));
    ++counts[static_cast<size_t>(k)];
    const double off = static_cast<double>(k) - static_cast<double>(n) * p;
    sum += off;
    squares += off * off;
  }
  const double variance = static_cast<double>(n) * p * (1 - p);
  CHECK_THAT(sum / draws, WithinAbs(0, 5 * std::sqrt(variance / draws)));
  // the variance of (k - n p)^2 is 2 v^2 + v (1 - 6 p (1 - p))
  const double spread = std::sqrt(2 * variance * variance + variance * (1 - 6 * p * (1 - p)));
  CHECK_THAT(squares / draws, WithinAbs(variance, 5 * spread / std::sqrt(draws)));
  double chi_squared = 0, cells = 0, rest = draws, rest_count = draws;
  for (size_t k = 0; k < counts.size(); ++k) {
    const double expected = draws * std::exp(data::log_binomial(static_cast<double>(k), n, p));
    if (expected < 20) continue;
    chi_squared += (counts[k] - expected) * (counts[k] - expected) / expected;
    rest -= expected;
    rest_count -= counts[k];
    ++cells;
  }
  CHECK_THAT(rest_count, WithinAbs(rest, 5 * std::sqrt(std::max(rest, 1.0)) + 1));
  CHECK(chi_squared < cells + 5 * std::sqrt(2 * cells) + 10);
}

TEST_CASE("probabilities of counts sum to one and follow from factorials", "[data][binomial]") {
  const double p = GENERATE(0.0, 1e-6, 0.3, 1 - 1e-6, 1.0);
  double sum = 0;
  for (int k = 0; k <= 1000; ++k) sum += std::exp(data::log_binomial(k, 1000, p));
  CHECK_THAT(sum, WithinAbs(1, 1e-11));
  CHECK_THAT(data::log_binomial(2, 5, 0.3), WithinRel(std::log(10 * 0.09 * 0.343), 1e-13));
}

TEST_CASE("certain counts take a number from the stream as all others do", "[data][binomial]") {
  core::Philox certain(8, core::Purpose::test), other(8, core::Purpose::test);
  CHECK(data::binomial(1000, 0, certain) == 0);
  CHECK(data::binomial(1000, 1, certain) == 1000);
  data::binomial(1000, 0.5, other);
  data::binomial(1000, 1e-6, other);
  CHECK(certain.next_u64() == other.next_u64());
}

TEST_CASE("the tasks of populations name the transforms of their data", "[data][task][options]") {
  const auto name = GENERATE("sir", "lotka_volterra");
  CAPTURE(name);
  data::DataOptions options;
  options.task = name;
  options.simulations = 400;
  data::resolve(options, "per_feature");
  CHECK(options.transform_theta == data::TransformWords{data::TransformWord::log});
  CHECK(options.transform_x == data::TransformWords{data::TransformWord::log});
  data::DataOptions told;
  told.task = name;
  told.transform_x = {data::TransformWord::asinh};
  data::resolve(told, "per_feature");
  CHECK(told.transform_x == data::TransformWords{data::TransformWord::asinh});

  const auto found = data::survey(data::open_dataset(options, 3), options, 3);
  // x_0 of sir is 0 in all of 400 simulations, and stays a finite number of scale 1
  std::vector<double> row(static_cast<size_t>(data::make_task(name)->x_dim()), 1.0);
  row[0] = 0;
  for (const float z : found.x.apply(row)) CHECK(std::abs(z) < 20);
  if (std::string(name) == "sir") CHECK(found.x.scale[0] == 1);
}

TEST_CASE("data of populations depend on all parameters, those of the start on none", "[data][task][edges]") {
  const auto sir = data::make_task("sir")->shape().edges;
  CHECK(sir[0] == "110111111111");
  CHECK(sir[2] == "001000000000");
  CHECK(sir[5] == "110001000000");
  const auto prey = data::make_task("lotka_volterra")->shape().edges;
  CHECK(prey[14] == "000000000000001000000000");
  CHECK(prey[15] == "111100000000000100000000");
}

TEST_CASE("a fitted density has the moments of a narrow correlated normal", "[data][fitted]") {
  // L = N(a . z; 1, 0.01^2) N(z_0 - z_1; 0.5, 0.3^2): the posterior's covariance is (I + A^T A)^-1
  const auto log_likelihood = [](std::span<const double> z) {
    const double first = (z[0] + z[1] - 1) / 0.01, second = (z[0] - z[1] - 0.5) / 0.3;
    return -0.5 * (first * first + second * second);
  };
  const data::FittedDensity density(log_likelihood, 2, "test");
  CHECK(density.efficiency() > 0.5);
  constexpr size_t count = 20000;
  const Summary found = summary_of(draws_of(density, 2, count), 2);
  // In s = z_0 + z_1 and d = z_0 - z_1, of variance 2 each before
  const double variance_s = 1 / (0.5 + 1e4), variance_d = 1 / (0.5 + 1 / 0.09);
  const double mean_s = variance_s * 1e4, mean_d = variance_d * 0.5 / 0.09;
  const double sd = 0.5 * std::sqrt(variance_s + variance_d);
  const double error = 5 / std::sqrt(count);
  CHECK_THAT(found.mean[0], WithinAbs((mean_s + mean_d) / 2, error * sd));
  CHECK_THAT(found.mean[1], WithinAbs((mean_s - mean_d) / 2, error * sd));
  CHECK_THAT(found.sd[0], WithinRel(sd, error));
  CHECK_THAT(found.correlation,
             WithinAbs((variance_s - variance_d) / (variance_s + variance_d), error * 0.01));
}

TEST_CASE("a fitted density keeps separate modes in their shares", "[data][fitted]") {
  // Peaks at z_0 = -2 and 2, so that the prior weighs them alike, the second three times as high
  const auto log_likelihood = [](std::span<const double> z) {
    const double off = (std::abs(z[0]) - 2) / 0.02;
    return -0.5 * off * off + (z[0] > 0 ? std::log(3.0) : 0.0);
  };
  const data::FittedDensity density(log_likelihood, 3, "test");
  constexpr size_t count = 10000;
  const auto draws = draws_of(density, 3, count);
  double right = 0;
  for (size_t i = 0; i < count; ++i) right += draws[3 * i] > 0;
  CHECK_THAT(right / count, WithinAbs(0.75, 5 * std::sqrt(0.75 * 0.25 / count)));
}

TEST_CASE("a likelihood of 0, or one that no mixture fits, is refused", "[data][fitted][errors]") {
  const auto never = [](std::span<const double>) { return -std::numeric_limits<double>::infinity(); };
  REQUIRE_USER_ERROR(data::FittedDensity(never, 2, "task sir: x = (3)"),
                     says("task sir: x = (3) is impossible at each of 8000 draws of the prior"));
  // Thousands of narrow peaks
  const auto comb = [](std::span<const double> z) {
    double sum = 0;
    for (const double value : z) sum += std::cos(60 * value);
    return 300 * sum;
  };
  REQUIRE_USER_ERROR(data::FittedDensity(comb, 3, "task x"), says("of the points that approximate"));
}

TEST_CASE("an epidemic's posterior has the moments of prior times likelihood", "[data][task][posterior]") {
  const data::Sir task;
  const size_t rows = test::unless_sanitized(3, 1);
  const auto simulated = data::simulate(task, 3, 7);
  for (size_t row = 0; row < rows; ++row) {
    const auto x = std::span(simulated.x).subspan(row * 10, 10);
    const std::vector<double> observation(x.begin(), x.end());
    constexpr int64_t draws = 5000;
    std::vector<double> logs;
    for (const float value : data::sample_exact_posterior(task, x, draws, row))
      logs.push_back(std::log(value));
    const Summary found = summary_of(logs, 2);
    // On a grid of log theta within 6 standard deviations
    constexpr int side = 40;
    std::vector<double> points, weights;
    double most = -std::numeric_limits<double>::infinity();
    for (int i = 0; i < side * side; ++i) {
      const double step[] = {12.0 * (i / side + 0.5) / side - 6, 12.0 * (i % side + 0.5) / side - 6};
      double theta[2];
      for (size_t j = 0; j < 2; ++j) {
        points.push_back(found.mean[j] + found.sd[j] * step[j]);
        theta[j] = std::exp(points.back());
      }
      // in log theta the prior's density gains theta
      weights.push_back(task.log_likelihood(theta, observation) + task.prior().log_prob(theta) +
                        std::log(theta[0] * theta[1]));
      most = std::max(most, weights.back());
    }
    for (double& weight : weights) weight = std::exp(weight - most);
    const Summary expected = summary_of(points, 2, weights);
    for (size_t j = 0; j < 2; ++j) {
      CAPTURE(row, j);
      CHECK_THAT(found.mean[j], WithinAbs(expected.mean[j], 5 * expected.sd[j] / std::sqrt(draws)));
      CHECK_THAT(found.sd[j], WithinRel(expected.sd[j], 0.06));
    }
    CHECK_THAT(found.correlation, WithinAbs(expected.correlation, 0.06));
  }
}
