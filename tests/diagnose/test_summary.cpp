#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "core/error.hpp"
#include "core/philox.hpp"
#include "diagnose/summary.hpp"

using namespace fluxsbi;
using Catch::Approx;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace {

const double nan_value = std::numeric_limits<double>::quiet_NaN();

diagnose::SampleSet set_of(std::vector<double> values, std::vector<std::string> names) {
  const auto d = std::ssize(names);
  diagnose::SampleSet set{"s.npz", std::ssize(values) / d, d, {}, std::move(names), 0};
  set.values = std::move(values);
  return set;
}

std::vector<double> draws(int64_t n, uint64_t seed, double (*make)(core::Philox&)) {
  core::Philox random(seed, core::Purpose::test);
  std::vector<double> values;
  for (int64_t i = 0; i < n; ++i) values.push_back(make(random));
  return values;
}

// Mean and scatter of the modes of many sets.
struct Modes {
  double mean = 0, deviation = 0;
};
Modes modes_of(int64_t n, double (*make)(core::Philox&)) {
  constexpr int sets = 40;
  double sum = 0, squares = 0;
  for (int i = 0; i < sets; ++i) {
    const double mode = diagnose::kernel_mode(draws(n, static_cast<uint64_t>(i), make));
    sum += mode;
    squares += mode * mode;
  }
  return {sum / sets, std::sqrt(std::max(0.0, squares / sets - sum * sum / sets / sets))};
}

}  // namespace

TEST_CASE("mean, deviation, quantiles and correlations are numpy's", "[diagnose][summary]") {
  // numpy: mean, std(ddof=1), quantile, corrcoef of these four draws
  const auto found =
      diagnose::summarise(set_of({1, 10, 2, 8, 4, 9, 7, 1}, {"a", "b"}), {0, 0.25, 0.5, 0.9, 1});
  CHECK(found.draws == 4);
  CHECK(found.variables[0].name == "a");
  CHECK(found.variables[0].mean == 3.5);
  CHECK(found.variables[0].deviation == Approx(2.6457513110645907));
  const std::vector<double> quantiles{1, 1.75, 3, 6.1, 7};
  for (size_t i = 0; i < quantiles.size(); ++i)
    CHECK(found.variables[0].quantiles[i] == Approx(quantiles[i]));
  CHECK(found.variables[1].mean == 7);
  CHECK(found.correlations[0] == 1);
  CHECK(found.correlations[1] == Approx(-0.8949594297801328));
  CHECK(found.correlations[1] == found.correlations[2]);
}

TEST_CASE("a large offset costs no digits, and a constant has no correlation", "[diagnose][summary]") {
  std::vector<double> values;
  for (int i = 0; i < 1000; ++i) values.insert(values.end(), {1e9 + (i % 2 ? 1e-3 : -1e-3), 5});
  const auto found = diagnose::summarise(set_of(values, {"a", "b"}), {0.5});
  CHECK(found.variables[0].mean == Approx(1e9).margin(1e-6));
  CHECK(found.variables[0].deviation == Approx(1e-3).epsilon(1e-3));
  CHECK(found.variables[1].deviation == 0);
  CHECK(found.variables[1].mode == 5);
  CHECK(std::isnan(found.correlations[1]));
  CHECK(std::isnan(found.correlations[3]));
  CHECK(found.correlations[0] == 1);
  const auto one = diagnose::summarise(set_of({1.5, 2}, {"a", "b"}), {0.5});
  CHECK(one.variables[0].deviation == 0);
  CHECK(one.variables[0].mode == 1.5);
}

TEST_CASE("deviations are right where squares are beyond float64", "[diagnose][summary]") {
  for (const double unit : {1e-170, 1e170}) {
    const auto summary = diagnose::summarise(set_of({1 * unit, 3 * unit}, {"a"}), {0.5});
    CHECK(summary.variables[0].deviation == Approx(std::numbers::sqrt2 * unit).epsilon(1e-12));
  }
}

TEST_CASE("draws that are not finite are left out and counted", "[diagnose][summary]") {
  auto set = set_of({1, 1, nan_value, 2, 3, std::numeric_limits<double>::infinity(), 5, 6}, {"a", "b"});
  set.unfilled = 7;
  const auto found = diagnose::summarise(std::move(set), {0.5});
  CHECK(found.draws == 2);
  CHECK(found.not_finite == 2);
  CHECK(found.unfilled == 7);
  CHECK(found.variables[0].mean == 3);
  CHECK_THROWS_MATCHES(diagnose::summarise(set_of({nan_value, nan_value}, {"a"}), {0.5}), core::UserError,
                       MessageMatches(ContainsSubstring("none of its 2 draws is finite")));
  CHECK_THROWS_MATCHES(diagnose::summarise(set_of({1, 2}, {"a", "a"}), {0.5}), core::UserError,
                       MessageMatches(ContainsSubstring("two columns are called 'a'")));
}

TEST_CASE("with log-densities the mode is the densest draw that is left", "[diagnose][summary]") {
  const std::vector<double> log_density{0.5, 9, 2, nan_value};
  const auto found =
      diagnose::summarise(set_of({1, 10, nan_value, 8, 4, 9, 7, 1}, {"a", "b"}), {0.5}, log_density);
  CHECK(found.mode_is == diagnose::Summary::Mode::density);
  CHECK(found.variables[0].mode == 4);
  CHECK(found.variables[1].mode == 9);
  const std::vector<double> none(4, nan_value);
  CHECK(diagnose::summarise(set_of({1, 10, 2, 8, 4, 9, 7, 1}, {"a", "b"}), {0.5}, none).mode_is ==
        diagnose::Summary::Mode::kernel);
}

TEST_CASE("the kernel's mode is near the density's", "[diagnose][summary]") {
  constexpr int64_t n = 2000;
  const Modes normal = modes_of(n, [](core::Philox& random) { return random.normal(); });
  CHECK(std::abs(normal.mean) < 0.1);
  CHECK(normal.deviation < 0.25);
  // Highest at the edge of its support.
  const Modes exponential = modes_of(n, [](core::Philox& random) { return -std::log1p(-random.uniform()); });
  CHECK(exponential.mean < 0.05);
  // Two peaks, far apart: the one of greater mass, as narrow as it is.
  const Modes two = modes_of(n, [](core::Philox& random) {
    const bool first = random.uniform() < 0.7;
    return (first ? -5 : 5) + 0.1 * random.normal();
  });
  CHECK(std::abs(two.mean + 5) < 0.02);
  CHECK(two.deviation < 0.05);
  // Tails so heavy that the largest draw is a thousand times the quartiles.
  const Modes cauchy =
      modes_of(n, [](core::Philox& random) { return std::tan(std::numbers::pi * (random.uniform() - 0.5)); });
  CHECK(std::abs(cauchy.mean) < 0.1);
  CHECK(cauchy.deviation < 0.2);
  const Modes counts = modes_of(n, [](core::Philox& random) { return std::round(1.5 * random.normal()); });
  CHECK(counts.mean == 0);
}
