#include <algorithm>
#include <cmath>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "core/philox.hpp"
#include "data/look/two_samples.hpp"
#include "data/prior/special_functions.hpp"
#include "diagnose/binomial.hpp"
#include "diagnose/coverage.hpp"
#include "diagnose/finding.hpp"
#include "diagnose/moments.hpp"
#include "diagnose/ranks.hpp"
#include "diagnose/tail.hpp"
#include "diagnose/uniformity.hpp"

using namespace fluxsbi;
using namespace fluxsbi::diagnose;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

namespace {

std::vector<Finding> with_p_values(const std::vector<double>& values) {
  std::vector<Finding> findings;
  for (const double p : values) {
    Finding finding;
    finding.p_value = p;
    finding.meaning = "wrong";
    finding.meaning_of_pass = "right";
    finding.next = "mend";
    findings.push_back(finding);
  }
  return findings;
}

// u of a truth N(mean, sd^2) under draws of N(0, 1).
std::vector<double> normal_pits(int64_t n, double mean, double sd, uint64_t seed) {
  core::Philox random(seed, core::Purpose::test);
  std::vector<double> u;
  for (int64_t i = 0; i < n; ++i) u.push_back(data::normal_below(mean + sd * random.normal()));
  return u;
}

}  // namespace

TEST_CASE("Holm's procedure divides the level by how many are left", "[diagnose][judge]") {
  // 0.002 <= 0.01 / 4, 0.0033 <= 0.01 / 3, 0.006 > 0.01 / 2: the rest passes, whatever it is
  std::vector<Finding> findings = with_p_values({0.006, 0.002, 0.0099, 0.0033});
  findings.emplace_back().verdict = Verdict::measured;
  findings.emplace_back().p_value = 1e-9;
  findings.back().verdict = Verdict::not_enough;
  judge(findings, 0.01);
  CHECK(findings[0].verdict == Verdict::pass);
  CHECK(findings[1].verdict == Verdict::fail);
  CHECK(findings[2].verdict == Verdict::pass);
  CHECK(findings[3].verdict == Verdict::fail);
  CHECK(findings[4].verdict == Verdict::measured);
  CHECK(findings[5].verdict == Verdict::not_enough);
  CHECK(findings[0].meaning == "right");
  CHECK(findings[0].next.empty());
  CHECK(findings[1].meaning == "wrong");
  CHECK(findings[1].next == "mend");
  CHECK(any_failed(findings));
  std::vector<Finding> none = with_p_values({0.006, 0.0051});
  judge(none, 0.01);
  CHECK(none[1].verdict == Verdict::pass);
  CHECK_FALSE(any_failed(none));
  CHECK(text_of(Verdict::fail) == "FAIL");
  CHECK(text_of(Verdict::not_enough) == "not enough data");
}

TEST_CASE("binomial tails are the sums of the probabilities", "[diagnose][binomial]") {
  const int64_t n = 12;
  const double p = 0.3;
  double pmf = std::pow(1 - p, static_cast<double>(n)), below = 0;
  for (int64_t k = 0; k <= n; ++k) {
    CHECK_THAT(binomial_at_least(k, n, p), WithinAbs(1 - below, 1e-12));
    below += pmf;
    CHECK_THAT(binomial_at_most(k, n, p), WithinAbs(below, 1e-12));
    pmf *= static_cast<double>(n - k) / static_cast<double>(k + 1) * p / (1 - p);
  }
  const BinomialBand band = binomial_band(500, 0.9, 0.01);
  CHECK(binomial_at_most(band.low, 500, 0.9) > 0.005);
  CHECK(binomial_at_most(band.low - 1, 500, 0.9) <= 0.005);
  CHECK(binomial_at_least(band.high, 500, 0.9) > 0.005);
  CHECK(binomial_at_least(band.high + 1, 500, 0.9) <= 0.005);
}

TEST_CASE("numbers that are uniform pass Kolmogorov and Smirnov, others do not", "[diagnose][uniformity]") {
  // D of {0.1, 0.4, 0.7} is 0.3, at 0.7; and scipy.stats.kstwo.sf(0.05, 1000) = 0.01306
  CHECK_THAT(data::kolmogorov_smirnov_uniform({0.7, 0.1, 0.4}).distance, WithinAbs(0.3, 1e-15));
  std::vector<double> even;
  for (int i = 0; i < 1000; ++i) even.push_back((i + 0.5) / 1000);
  CHECK_THAT(data::kolmogorov_smirnov_uniform(even).distance, WithinAbs(0.0005, 1e-12));
  for (double& u : even) u = std::min(1.0, u + 0.0495);
  const auto shifted = data::kolmogorov_smirnov_uniform(even);
  CHECK_THAT(shifted.distance, WithinAbs(0.05, 1e-12));
  CHECK_THAT(shifted.probability, WithinRel(0.01306, 0.02));
}

TEST_CASE("ranks say which way a posterior is wrong, and how far", "[diagnose][uniformity]") {
  const Uniformity right = uniformity(normal_pits(2000, 0, 1, 1));
  CHECK(right.p_value > 0.01);
  CHECK(right.fault == Fault::other);
  const Uniformity low = uniformity(normal_pits(2000, 0.4, 1, 2));
  CHECK(low.p_value < 1e-6);
  CHECK(low.fault == Fault::too_low);
  CHECK_THAT(low.shift, WithinAbs(0.4, 0.1));
  CHECK(uniformity(normal_pits(2000, -0.4, 1, 3)).fault == Fault::too_high);
  const Uniformity narrow = uniformity(normal_pits(2000, 0, 1.25, 4));
  CHECK(narrow.fault == Fault::too_narrow);
  CHECK_THAT(narrow.ratio, WithinAbs(0.8, 0.06));
  const Uniformity wide = uniformity(normal_pits(2000, 0, 0.8, 5));
  CHECK(wide.fault == Fault::too_wide);
  CHECK_THAT(wide.ratio, WithinAbs(1.25, 0.08));
}

TEST_CASE("the ECDF band holds all of a uniform sample with its probability", "[diagnose][uniformity]") {
  const int64_t n = 200, trials = 2000;
  const double level = 0.05;
  const EcdfBand band = ecdf_band(n, level, 7);
  int64_t outside = 0;
  for (int64_t trial = 0; trial < trials; ++trial) {
    core::Philox random(11, core::Purpose::test, static_cast<uint64_t>(trial));
    std::vector<double> u;
    for (int64_t i = 0; i < n; ++i) u.push_back(random.uniform());
    bool leaves = false;
    for (size_t k = 0; k < band.at.size(); ++k) {
      const auto below = std::count_if(u.begin(), u.end(), [&](double v) { return v < band.at[k]; });
      const double share = static_cast<double>(below) / static_cast<double>(n);
      leaves = leaves || share < band.low[k] || share > band.high[k];
    }
    outside += leaves;
  }
  const double rate = static_cast<double>(outside) / static_cast<double>(trials);
  // three standard errors of both simulations, and the steps of counts
  CHECK_THAT(rate, WithinAbs(level, 3 * std::sqrt(2 * level / static_cast<double>(trials)) + 0.01));
}

TEST_CASE("ties are split at random and NaN is passed over", "[diagnose][ranks]") {
  core::Philox random(1, core::Purpose::test);
  std::vector<int64_t> seen(4);
  for (int i = 0; i < 4000; ++i) {
    const Rank rank = rank_of(2, std::vector<double>{1, 2, 2, 2, 3, std::nan("")}, random);
    CHECK(rank.draws == 5);
    ++seen.at(static_cast<size_t>(rank.below - 1));
    CHECK(rank.pit >= static_cast<double>(rank.below) / 6);
    CHECK(rank.pit < static_cast<double>(rank.below + 1) / 6);
  }
  for (const int64_t count : seen) CHECK(std::abs(count - 1000) < 5 * 28);
}

TEST_CASE("a tail beyond a hundred simulated values tells small probabilities", "[diagnose][tail]") {
  // Exponential: P(T > t) = exp(-t). The geometric mean over the seeds is near, and never far below.
  for (const double probability : {0.3, 1e-3, 1e-4}) {
    double log_mean = 0, share_below = 0;
    constexpr int seeds = 400;
    for (int seed = 0; seed < seeds; ++seed) {
      core::Philox random(static_cast<uint64_t>(seed), core::Purpose::test);
      std::vector<double> null;
      for (int i = 0; i < 100; ++i) null.push_back(-std::log(random.uniform_open()));
      const double p = tail_probability(null, -std::log(probability));
      log_mean += std::log(p) / seeds;
      share_below += (p < 0.1 * probability) / static_cast<double>(seeds);
    }
    CAPTURE(probability, std::exp(log_mean), share_below);
    CHECK(std::exp(log_mean) > 0.8 * probability);
    CHECK(std::exp(log_mean) < 8 * probability);
    CHECK(share_below < 0.03);
  }
}

TEST_CASE("a tail's p-value of an exchangeable value is small as often as it says", "[diagnose][tail]") {
  constexpr int seeds = 20000;
  for (const bool exponential : {false, true}) {
    int below_hundredth = 0, below_thousandth = 0;
    for (int seed = 0; seed < seeds; ++seed) {
      core::Philox random(static_cast<uint64_t>(seed), core::Purpose::test, 1);
      const auto draw = [&] {
        return exponential ? -std::log(random.uniform_open()) : std::exp(0.3 * random.normal());
      };
      std::vector<double> null;
      for (int i = 0; i < 100; ++i) null.push_back(draw());
      const double p = tail_probability(null, draw());
      below_hundredth += p <= 0.01;
      below_thousandth += p <= 0.001;
    }
    CAPTURE(exponential);
    CHECK(below_hundredth < 200 + 3 * 14);
    CHECK(below_thousandth < 20 + 3 * 4.5);
  }
}

TEST_CASE("a kernel estimate is high where values are dense, in whatever order", "[diagnose][kernel]") {
  core::Philox random(3, core::Purpose::test);
  std::vector<double> values;
  for (int i = 0; i < 2000; ++i) values.push_back(random.normal());
  values.push_back(0);
  values.push_back(2);
  const std::vector<double> density = kernel_densities(values);
  // A normal smoothed by the kernel has the variance 1 + width^2. Some 75 values lie within the kernel at 2,
  // so that the ratio scatters by an eighth; the tolerance is three times that.
  const double width = 0.9 * std::pow(2002, -0.2);
  CHECK_THAT(density[2000] / density[2001], WithinRel(std::exp(2 / (1 + width * width)), 0.38));
  std::vector<double> reversed(values.rbegin(), values.rend());
  CHECK_THAT(kernel_densities(reversed).back(), WithinRel(density.front(), 1e-12));
  CHECK(kernel_densities(std::vector<double>(5, 1.5)) == std::vector<double>(5, 1.0));
}

TEST_CASE("moments and quantiles pass over NaN and keep large means", "[diagnose][moments]") {
  const std::vector<double> values = {1e9 + 1, 0, std::nan(""), 0, 1e9 + 3, 0};
  const Moments moments = moments_of(values, 0, 2);
  CHECK(moments.count == 2);
  CHECK(moments.mean == 1e9 + 2);
  CHECK_THAT(moments.deviation, WithinAbs(std::sqrt(2.0), 1e-9));
  CHECK_THAT(moments.standard_error(), WithinAbs(1, 1e-9));
  CHECK(quantile_of(std::vector<double>{1, 2, 4}, 0.75) == 3);
}
