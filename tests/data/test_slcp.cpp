// slcp and its distractors: the posterior, also where its density is a thin ridge or the jitter of S rules.
#include <cmath>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "data/simulate/simulate.hpp"
#include "data/tasks/distractors.hpp"
#include "data/tasks/slcp_distractors.hpp"
#include "support/sanitized.hpp"

using namespace fluxsbi;
using Catch::Matchers::WithinAbs;

namespace {

/// Four draws about 0 with these root mean squares and this correlation.
std::vector<float> four_draws(double spread_0, double spread_1, double correlation) {
  std::vector<float> x;
  const double rest = std::sqrt(1 - correlation * correlation);
  for (const auto& [a, b] : {std::pair{1.0, 1.0}, {1.0, -1.0}, {-1.0, 1.0}, {-1.0, -1.0}}) {
    x.push_back(static_cast<float>(spread_0 * a));
    x.push_back(static_cast<float>(spread_1 * (correlation * a + rest * b)));
  }
  return x;
}

/// Weighted means and variances of functions of (|theta_2|, |theta_3|, theta_4).
class Means {
 public:
  static constexpr size_t count = 7;
  void add(double theta_2, double theta_3, double theta_4, double weight) {
    const std::array<double, count> of{theta_2,           theta_3,           theta_4,
                                       theta_2 * theta_2, theta_2 * theta_3, theta_3 * theta_4,
                                       theta_2 * theta_4};
    total_ += weight;
    for (size_t i = 0; i < count; ++i) {
      sum_[i] += weight * of[i];
      squares_[i] += weight * of[i] * of[i];
    }
  }
  double mean(size_t i) const { return sum_[i] / total_; }
  double variance(size_t i) const { return squares_[i] / total_ - mean(i) * mean(i); }

 private:
  std::array<double, count> sum_{}, squares_{};
  double total_ = 0;
};

/// log of prior times likelihood, m integrated out: the likelihood at the draws' mean (here 0) times
/// |S|^(1/2).
double log_weight(const data::Slcp& task, double theta_2, double theta_3, double theta_4,
                  std::span<const double> x) {
  const std::vector<double> theta{0, 0, theta_2, theta_3, theta_4};
  const auto scale = data::Slcp::location_scale(theta);
  return task.log_likelihood(theta, x) + std::log(scale[2] * scale[4]);
}

/// By midpoints of u, theta_2 = 3 u^3 and theta_3 likewise, and of theta_4.
Means by_quadrature(const data::Slcp& task, std::span<const double> x, double log_about) {
  constexpr int fine = test::unless_sanitized(240, 120), coarse = test::unless_sanitized(60, 40);
  Means means;
  for (int i = 0; i < fine; ++i) {
    for (int j = 0; j < fine; ++j) {
      const double u = (i + 0.5) / fine, v = (j + 0.5) / fine;
      for (int k = 0; k < coarse; ++k) {
        const double theta_2 = 3 * u * u * u, theta_3 = 3 * v * v * v, theta_4 = -3 + 6 * (k + 0.5) / coarse;
        const double weight = std::exp(log_weight(task, theta_2, theta_3, theta_4, x) - log_about);
        means.add(theta_2, theta_3, theta_4, weight * u * u * v * v);
      }
    }
  }
  return means;
}

}  // namespace

TEST_CASE("slcp's posterior has the means of prior times likelihood", "[data][task][posterior]") {
  // m stays far from the prior's bounds, as integrating it out supposes.
  const auto x =
      GENERATE(four_draws(0.05, 0.05, 0), four_draws(0.05, 0.01, 0.98), four_draws(0.02, 0.05, -0.999),
               four_draws(1e-3, 1e-3, 0.5), four_draws(2e-3, 0.05, 0.9), four_draws(0, 0.02, 0));
  CAPTURE(x);
  const data::Slcp task;
  constexpr int64_t draws = test::unless_sanitized(40000, 2000);
  const auto samples = data::sample_exact_posterior(task, x, draws, 5);
  Means found;
  int64_t positive_2 = 0, alike = 0;
  for (size_t i = 0; i < samples.size(); i += 5) {
    found.add(std::abs(samples[i + 2]), std::abs(samples[i + 3]), samples[i + 4], 1);
    positive_2 += samples[i + 2] > 0;
    alike += (samples[i + 2] > 0) == (samples[i + 3] > 0);
  }
  const std::vector<double> observation(x.begin(), x.end());
  const double log_about = log_weight(task, samples[2], samples[3], samples[4], observation);
  const Means expected = by_quadrature(task, observation, log_about);
  constexpr double sigmas = 4.5;  // 48 comparisons
  for (size_t i = 0; i < Means::count; ++i) {
    CAPTURE(i);
    CHECK_THAT(found.mean(i), WithinAbs(expected.mean(i), sigmas * std::sqrt(expected.variance(i) / draws)));
  }
  CHECK_THAT(static_cast<double>(positive_2) / draws, WithinAbs(0.5, sigmas * 0.5 / std::sqrt(draws)));
  CHECK_THAT(static_cast<double>(alike) / draws, WithinAbs(0.5, sigmas * 0.5 / std::sqrt(draws)));
}

TEST_CASE("slcp's location given its scale is normal about the draws' mean", "[data][task][posterior]") {
  auto x = four_draws(0.3, 0.2, 0.9);
  for (size_t i = 0; i < x.size(); ++i) x[i] += i % 2 ? -1.0F : 2.0F;
  constexpr int64_t draws = 20000;
  const auto samples = data::sample_exact_posterior(data::Slcp(), x, draws, 6);
  std::array<double, 3> squares{};  // of n in m = mean + L n / 2, and their product
  for (size_t i = 0; i < samples.size(); i += 5) {
    const std::vector<double> theta(samples.begin() + static_cast<int64_t>(i),
                                    samples.begin() + static_cast<int64_t>(i) + 5);
    const auto scale = data::Slcp::location_scale(theta);
    const double n_0 = 2 * (theta[0] - 2) / scale[2];
    const double n_1 = (2 * (theta[1] + 1) - scale[3] * n_0) / scale[4];
    squares[0] += n_0 * n_0 / draws;
    squares[1] += n_1 * n_1 / draws;
    squares[2] += n_0 * n_1 / draws;
  }
  const double error = 5 * std::sqrt(2.0 / draws);
  CHECK_THAT(squares[0], WithinAbs(1, error));
  CHECK_THAT(squares[1], WithinAbs(1, error));
  CHECK_THAT(squares[2], WithinAbs(0, error));
}

TEST_CASE("distractors do not change slcp's posterior", "[data][task][posterior]") {
  const data::SlcpDistractors task;
  const auto simulated = data::simulate(task, 3, 8);
  for (size_t row = 0; row < 3; ++row) {
    const auto x = std::span(simulated.x).subspan(row * 100, 100);
    const auto signal = data::SlcpDistractors::signal(std::vector<double>(x.begin(), x.end()));
    const std::vector<float> seen(signal.begin(), signal.end());
    CHECK(data::sample_exact_posterior(task, x, 10, row) ==
          data::sample_exact_posterior(data::Slcp(), seen, 10, row));
  }
}

TEST_CASE("the distractors' numbers are those of the benchmark", "[data][task]") {
  // sums over centres and factors as numpy gives them
  double centres = 0, factors = 0;
  for (size_t c = 0; c < data::distractor_components; ++c) {
    const auto component = data::distractor_component(c);
    REQUIRE(component.centre.size() == 92);
    REQUIRE(component.factor.size() == 4278);
    for (const double v : component.centre) centres += v;
    for (const double v : component.factor) factors += v;
  }
  constexpr double rounding = 1e-8;  // of 85,560 sums in another order
  CHECK_THAT(centres, WithinAbs(1203.9333910573314, rounding));
  CHECK_THAT(factors, WithinAbs(9962.57742394914, rounding));
}
