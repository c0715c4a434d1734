// Weights whose worth is known in closed form.
#include <cmath>
#include <limits>
#include <vector>

#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "sample/importance.hpp"
#include "support/catch.hpp"

using namespace fluxsbi;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// Draws of N(0, 1), and log(N(theta; mean, sd) / N(theta; 0, 1)).
struct Shifted {
  std::vector<double> theta, log_weights;

  Shifted(double mean, double sd, size_t count, uint64_t seed = 1) {
    core::Philox random(seed, core::Purpose::test);
    for (size_t i = 0; i < count; ++i) {
      const double t = random.normal(), u = (t - mean) / sd;
      theta.push_back(t);
      log_weights.push_back(t * t / 2 - u * u / 2 - std::log(sd));
    }
  }
};

// E[w]^2 / E[w^2] of these weights: with v = sd^2, E[w^2] = exp(mean^2 / (2 - v)) / sqrt(v (2 - v)).
double worth(double mean, double sd) {
  const double v = sd * sd;
  return std::sqrt(v * (2 - v)) * std::exp(-mean * mean / (2 - v));
}

}  // namespace

TEST_CASE("effective draws and the mean weight are those of the closed form", "[sample][importance]") {
  constexpr size_t count = 200000;
  for (const auto& [mean, sd] : {std::pair{0.0, 1.0}, {0.5, 0.7}, {-0.3, 0.5}, {0.8, 0.9}}) {
    CAPTURE(mean, sd);
    const Shifted draws(mean, sd, count);
    const auto quality = sample::judge_weights(draws.log_weights);
    // Four standard errors of the mean of 2e5 weights and their squares stay below 3 %.
    CHECK_THAT(quality.effective, WithinRel(worth(mean, sd) * count, 0.03));
    CHECK_THAT(quality.log_mean, WithinAbs(0, 4 * quality.log_mean_error + 1e-12));
  }
}

TEST_CASE("a common factor of the weights changes nothing but their mean", "[sample][importance]") {
  Shifted draws(0.5, 0.7, 5000);
  const auto before = sample::judge_weights(draws.log_weights);
  for (double& log_weight : draws.log_weights) log_weight += 1000;
  const auto after = sample::judge_weights(draws.log_weights);
  CHECK_THAT(after.effective, WithinRel(before.effective, 1e-9));
  CHECK_THAT(after.pareto_shape, WithinAbs(before.pareto_shape, 1e-9));
  CHECK_THAT(after.log_mean, WithinAbs(before.log_mean + 1000, 1e-9));
}

TEST_CASE("the Pareto shape of the weights' tail is found", "[sample][importance]") {
  // w = u^(-k) has P(w > t) = t^(-1 / k): a Pareto distribution of shape k.
  for (const double shape : {0.2, 0.5, 0.9, 1.5}) {
    CAPTURE(shape);
    std::vector<double> log_weights;
    core::Philox random(2, core::Purpose::test);
    for (int i = 0; i < 40000; ++i) log_weights.push_back(-shape * std::log(random.uniform_open()));
    // 600 of them make the tail: the standard error is about (1 + k) / sqrt(600) = 0.04 (1 + k).
    CHECK_THAT(sample::judge_weights(log_weights).pareto_shape, WithinAbs(shape, 0.16 * (1 + shape)));
  }
  // A narrower Gaussian's weights are bounded, a wider one's of v = 2.5 have tails of shape 1 - 1 / v = 0.6.
  CHECK(sample::judge_weights(Shifted(0.3, 0.6, 20000).log_weights).pareto_shape < 0.4);
  CHECK(sample::judge_weights(Shifted(0, std::sqrt(2.5), 20000).log_weights).pareto_shape > 0.4);
  CHECK(sample::judge_weights(Shifted(6, 0.7, 20000).log_weights).pareto_shape > 0.7);
}

TEST_CASE("weights that are equal, absent or few", "[sample][importance]") {
  const auto equal = sample::judge_weights(std::vector<double>(1000, -3.0));
  CHECK(equal.effective == 1000);
  CHECK(equal.pareto_shape == 0);
  CHECK_THAT(equal.log_mean, WithinAbs(-3, 1e-12));
  CHECK(equal.log_mean_error == 0);
  std::vector<double> half(1000, 0.0);
  std::fill(half.begin(), half.begin() + 500, -infinity);
  CHECK(sample::judge_weights(half).effective == 500);
  CHECK(sample::judge_weights(half).pareto_shape == 0);
  const auto none = sample::judge_weights(std::vector<double>(1000, -infinity));
  CHECK(none.effective == 0);
  CHECK(none.log_mean == -infinity);
  std::vector<double> one(1000, -infinity);
  one[7] = 0;
  CHECK(sample::judge_weights(one).effective == 1);
  CHECK(sample::judge_weights(one).pareto_shape == infinity);
}

TEST_CASE("draws that are chosen by their weights have the other distribution", "[sample][importance]") {
  constexpr double mean = 0.5, sd = 0.7;
  const Shifted draws(mean, sd, 80000);
  core::Philox random(3, core::Purpose::test);
  const auto chosen = sample::resample(draws.log_weights, 20000, random);
  REQUIRE(chosen.size() == 20000);
  double sum = 0, squares = 0;
  for (const size_t i : chosen) sum += draws.theta[i];
  const double found = sum / 20000;
  for (const size_t i : chosen) squares += std::pow(draws.theta[i] - found, 2);
  // About 47,000 effective draws: a standard error of 0.003 for the mean and 0.002 for the deviation.
  CHECK_THAT(found, WithinAbs(mean, 0.015));
  CHECK_THAT(std::sqrt(squares / 20000), WithinAbs(sd, 0.012));
}

TEST_CASE("every draw is chosen as often as its weight says, to the next whole number",
          "[sample][importance]") {
  const std::vector<double> weights{0.1, 0, 2.4, 0.5, 3, 0, 1, 0};
  std::vector<double> log_weights;
  for (const double weight : weights) log_weights.push_back(std::log(weight));
  for (uint64_t seed = 0; seed < 200; ++seed) {
    core::Philox random(seed, core::Purpose::test);
    std::vector<int> times(weights.size());
    for (const size_t i : sample::resample(log_weights, 70, random)) ++times[i];
    for (size_t i = 0; i < weights.size(); ++i) {
      CAPTURE(seed, i);
      CHECK(std::abs(times[i] - 10 * weights[i]) <= 1);
      CHECK((weights[i] > 0 || times[i] == 0));
    }
  }
}

TEST_CASE("an independence Metropolis chain has the distribution of the weights", "[sample][importance]") {
  constexpr size_t count = 100000;
  const Shifted draws(0.5, 0.7, count);
  core::Philox random(3, core::Purpose::test);
  const sample::Chain chain = sample::metropolis(draws.log_weights, random);
  REQUIRE(chain.states.size() == count);
  double sum = 0, squares = 0;
  for (const size_t state : chain.states) {
    sum += draws.theta[state];
    squares += draws.theta[state] * draws.theta[state];
  }
  const double mean = sum / count;
  // Correlated states: about a quarter of them count, which makes standard errors of 0.005.
  CHECK_THAT(mean, WithinAbs(0.5, 0.02));
  CHECK_THAT(std::sqrt(squares / count - mean * mean), WithinAbs(0.7, 0.02));
  CHECK(chain.acceptance > 0.5);
  CHECK(chain.acceptance < 0.9);

  // Weights are known up to a factor: the chain is the same under any, however large or small.
  for (const double factor : {-5000.0, 5000.0}) {
    std::vector<double> moved = draws.log_weights;
    for (double& log_weight : moved) log_weight += factor;
    core::Philox again(3, core::Purpose::test);
    CHECK(sample::metropolis(moved, again).acceptance == chain.acceptance);
  }
  // A draw of weight 0 is never taken.
  core::Philox third(3, core::Purpose::test);
  const auto few = sample::metropolis(std::vector{-infinity, 0.0, -infinity, -infinity}, third);
  CHECK(few.states == std::vector<size_t>{1, 1, 1, 1});
}
