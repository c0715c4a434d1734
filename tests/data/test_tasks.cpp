#include <algorithm>
#include <cmath>
#include <functional>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "data/errors.hpp"
#include "data/sbibm_files.hpp"
#include "data/simulate/simulate.hpp"
#include "data/tasks/bernoulli_glm_raw.hpp"
#include "data/tasks/gaussian_linear.hpp"
#include "data/tasks/gaussian_mixture.hpp"
#include "data/tasks/lotka_volterra.hpp"
#include "data/tasks/sir.hpp"
#include "data/tasks/slcp_distractors.hpp"
#include "data/tasks/two_moons.hpp"
#include "support/sanitized.hpp"

using namespace fluxsbi;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using test::says;
using test::sbibm_table;

namespace {

constexpr double task_closed_form = 1e-12;  // relative, float64, as the vectors' README states
constexpr double solved = 1e-6;  // relative, of a differential equation's solution at a tolerance of 1e-8
constexpr double sigmas = 5;     // of Monte Carlo error

using Row = std::span<const double>;
using AddNoise = std::function<void(Row, Row, std::span<double>)>;

std::vector<double> theta_itself(Row theta) {
  return {theta.begin(), theta.end()};
}

std::vector<double> moons(Row theta) {
  std::vector<double> centre(2);
  data::TwoMoons::centre(theta, centre);
  return centre;
}

std::vector<double> location_scale(Row theta) {
  const auto values = data::Slcp::location_scale(theta);
  return {values.begin(), values.end()};
}

std::vector<double> spike_probabilities(Row theta) {
  std::vector<double> p(data::BernoulliGlm::bins);
  data::BernoulliGlm::probabilities(theta, p);
  return p;
}

std::vector<double> infected(Row theta) {
  const auto shares = data::Sir::infected(theta).value();
  return {shares.begin(), shares.end()};
}

std::vector<double> prey_and_predators(Row theta) {
  const auto w = data::LotkaVolterra::populations(theta).value();
  return {w.begin(), w.end()};
}

/// How each task makes x of theta and the recorded noise, and whose files the benchmark keeps its own under.
struct Recorded {
  std::string name;
  std::vector<double> (*deterministic)(Row theta);
  AddNoise add_noise;  ///< deterministic part, noise, x; none where the recorded x was drawn
  std::string base = name, observations = name + "/observations.npy";
  double tolerance = task_closed_form;
};
const std::vector<Recorded> recorded{
    {"two_moons", moons, data::TwoMoons::add_noise},
    {"gaussian_linear", theta_itself, data::GaussianLinear::add_noise},
    {"gaussian_linear_uniform", theta_itself, data::GaussianLinear::add_noise},
    {"gaussian_mixture", theta_itself, data::GaussianMixture::add_noise},
    {"slcp", location_scale, data::Slcp::add_noise},
    {"slcp_distractors", location_scale, data::SlcpDistractors::add_noise, "slcp_distractors",
     "slcp/observations_distractors.npy"},
    {"bernoulli_glm", spike_probabilities, data::BernoulliGlm::add_noise},
    {"bernoulli_glm_raw", spike_probabilities, data::BernoulliGlm::spikes, "bernoulli_glm",
     "bernoulli_glm/observations_raw.npy"},
    {"sir", infected, {}, "sir", "sir/observations.npy", solved},
    {"lotka_volterra", prey_and_predators, data::LotkaVolterra::add_noise, "lotka_volterra",
     "lotka_volterra/observations.npy", solved}};

std::string vectors(const std::string& task, const std::string& what) {
  return "vectors/" + task + "_" + what + ".npy";
}

void check_densities(const std::vector<double>& computed, const test::Table& expected,
                     double tolerance = task_closed_form) {
  for (int64_t i = 0; i < expected.rows; ++i) {
    CAPTURE(i);
    const double value = expected.row(i)[0], found = computed[static_cast<size_t>(i)];
    if (std::isinf(value)) {
      REQUIRE(found == value);
    } else {
      const double size = tolerance == task_closed_form ? std::abs(value) : std::max(std::abs(value), 10.0);
      REQUIRE_THAT(found, WithinAbs(value, tolerance * size));
    }
  }
}

double quantile(std::vector<double> values, double share) {
  const auto at = values.begin() + static_cast<int64_t>(share * static_cast<double>(values.size()));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

}  // namespace

TEST_CASE("every task of the benchmark is checked against recorded vectors", "[data][task]") {
  for (const auto& row : data::tasks()) {
    if (row.make()->x_shape().size() > 1) continue;  // the examples of test_example_tasks.cpp
    const auto found =
        std::find_if(recorded.begin(), recorded.end(), [&](const auto& r) { return r.name == row.name; });
    CAPTURE(row.name);
    REQUIRE(found != recorded.end());
    REQUIRE(row.make()->name() == row.name);
  }
}

TEST_CASE("x of theta and noise is the recorded one", "[data][task]") {
  const auto& task = GENERATE(from_range(recorded));
  CAPTURE(task.name);
  if (!task.add_noise) return;
  const auto theta = sbibm_table(vectors(task.name, "theta")), x = sbibm_table(vectors(task.name, "x")),
             noise = sbibm_table(vectors(task.base, "noise"));
  for (int64_t i = 0; i < x.rows; ++i) {
    std::vector<double> computed(static_cast<size_t>(x.columns));
    task.add_noise(task.deterministic(theta.row(i)), noise.row(i), computed);
    for (size_t j = 0; j < computed.size(); ++j) {
      if (task.tolerance == task_closed_form) {
        REQUIRE(static_cast<float>(computed[j]) == static_cast<float>(x.row(i)[j]));
      } else {
        REQUIRE_THAT(computed[j], WithinRel(x.row(i)[j], task.tolerance));
      }
    }
  }
}

TEST_CASE("the deterministic part of x is the recorded one", "[data][task]") {
  const auto& task = GENERATE(from_range(recorded));
  if (task.name == "slcp_distractors" || task.name == "bernoulli_glm_raw") return;  // their base task's
  CAPTURE(task.name);
  const auto theta = sbibm_table(vectors(task.name, "theta")), det = sbibm_table(vectors(task.name, "det"));
  for (int64_t i = 0; i < det.rows; ++i) {
    const auto computed = task.deterministic(theta.row(i));
    REQUIRE(std::ssize(computed) == det.columns);
    for (size_t j = 0; j < computed.size(); ++j)
      REQUIRE_THAT(computed[j], WithinRel(det.row(i)[j], task.tolerance));
  }
}

TEST_CASE("log prior and log likelihood are the recorded ones", "[data][task]") {
  const auto& row = GENERATE(from_range(recorded));
  const std::string name = row.name;
  CAPTURE(name);
  const auto task = data::make_task(name);
  const auto theta = sbibm_table(vectors(name, "theta")), x = sbibm_table(vectors(name, "x"));
  std::vector<double> log_prior, log_likelihood;
  for (int64_t i = 0; i < theta.rows; ++i) {
    log_prior.push_back(task->prior().log_prob(theta.row(i)));
    log_likelihood.push_back(task->log_likelihood(theta.row(i), x.row(i)));
  }
  check_densities(log_prior, sbibm_table(vectors(name, "logprior")));
  check_densities(log_likelihood, sbibm_table(vectors(name, "loglik")), row.tolerance);
}

TEST_CASE("log likelihoods of the benchmark's first observation are the recorded ones", "[data][task]") {
  const auto& [name, deterministic, add_noise, base, file, tolerance] = GENERATE(from_range(recorded));
  CAPTURE(name);
  if (!test::has_sbibm(file)) SKIP("the benchmark's observations are not there (FLUXSBI_SBIBM)");
  const auto task = data::make_task(name);
  const auto theta = sbibm_table(vectors(name, "theta")), observations = sbibm_table(file);
  std::vector<double> log_likelihood;
  for (int64_t i = 0; i < theta.rows; ++i) {
    log_likelihood.push_back(task->log_likelihood(theta.row(i), observations.row(0)));
  }
  check_densities(log_likelihood, sbibm_table(vectors(name, "loglik_obs1")), tolerance);
}

TEST_CASE("100,000 simulations have the recorded location and spread", "[data][task]") {
  const auto name = GENERATE(from_range(recorded)).name;
  const auto task = data::make_task(name);
  constexpr int64_t rows = test::unless_sanitized(100000, 10000);
  const auto simulated = data::simulate(*task, rows, 1);
  const auto stats = sbibm_table(vectors(name, "stats"));
  for (int64_t j = 0; j < task->x_dim(); ++j) {
    CAPTURE(name, j);
    std::vector<double> x;
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < rows; ++i) x.push_back(simulated.x[static_cast<size_t>(i * task->x_dim() + j)]);
    for (const double v : x) sum += v;
    for (const double v : x) squares += (v - sum / rows) * (v - sum / rows);
    const auto at = static_cast<size_t>(j);
    // Both sides have Monte Carlo error, hence sqrt 2. Quantiles of flat and of two-peaked densities have up
    // to three times the error of the mean.
    // Moments mean nothing, or their own error is far larger
    const bool heavy_tails = name == "slcp_distractors" || name == "lotka_volterra";
    const double spread = heavy_tails ? stats.row(3)[at] / 1.349 : stats.row(1)[at];
    const double error = sigmas * std::sqrt(2.0 / rows) * spread;
    if (!heavy_tails) {
      REQUIRE_THAT(sum / rows, WithinAbs(stats.row(0)[at], error));
      if (name != "sir") REQUIRE_THAT(std::sqrt(squares / rows), WithinAbs(stats.row(1)[at], error));
    }
    if (name == "bernoulli_glm_raw") continue;  // quantiles of a fair coin are either side
    REQUIRE_THAT(quantile(x, 0.5), WithinAbs(stats.row(2)[at], 3 * error));
    REQUIRE_THAT(quantile(x, 0.75) - quantile(x, 0.25), WithinAbs(stats.row(3)[at], 3 * error));
  }
}

TEST_CASE("the likelihood of two_moons integrates to one", "[data][task]") {
  // Midpoint rule; without the Jacobian term 1/r the integral would be about 0.1.
  const data::TwoMoons task;
  const std::vector<double> theta{0.3, -0.5};
  constexpr double step = 5e-4, half_width = 0.2;
  double integral = 0;
  std::vector<double> centre(2);
  data::TwoMoons::centre(theta, centre);
  for (double u = step / 2; u < half_width; u += step) {
    for (double v = -half_width + step / 2; v < half_width; v += step) {
      const std::vector<double> x{centre[0] + 0.25 + u, centre[1] + v};
      integral += std::exp(task.log_likelihood(theta, x)) * step * step;
    }
  }
  constexpr double quadrature = 1e-5;  // the density falls to 0 within 20 steps at the rim
  REQUIRE_THAT(integral, WithinAbs(1, quadrature));
}

TEST_CASE("the mixture's likelihood stays finite far from theta", "[data][task]") {
  const data::GaussianMixture task;
  const double far = task.log_likelihood(std::vector<double>{0, 0}, std::vector<double>{1000, 0});
  REQUIRE_THAT(far, WithinRel(std::log(0.5) - std::log(2 * M_PI) - 0.5e6, task_closed_form));
}

TEST_CASE("an unknown task is refused with the nearest name", "[data][task]") {
  REQUIRE_USER_ERROR(data::make_task("two_moon"), says("did you mean 'two_moons'"));
  REQUIRE_USER_ERROR(data::make_task("nothing like it"), says("gaussian_mixture"));
}
