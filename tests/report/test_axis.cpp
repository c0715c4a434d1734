#include <cmath>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "report/axis.hpp"

using namespace fluxsbi;
using Catch::Matchers::WithinRel;

TEST_CASE("a value lies in the bin whose edges enclose it", "[report][axis]") {
  const report::Axis axis{-1, 1, 4};
  CHECK(axis.bin_of(-1) == 0);
  CHECK(axis.bin_of(-0.5) == 1);
  CHECK(axis.bin_of(0.999) == 3);
  CHECK(axis.bin_of(1) == -1);
  CHECK(axis.bin_of(-1.001) == -1);
  CHECK(axis.bin_of(std::nan("")) == -1);
  CHECK(axis.centre(0) == -0.75);
}

TEST_CASE("ranges show the values without their outliers and are never empty", "[report][axis]") {
  std::vector<double> values(10001);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i) / 10000;
  values[5000] = 1e6f;
  const report::Axis axis = report::range_of(values, 10);
  CHECK(axis.low < 0);
  CHECK(axis.low > -0.2);
  CHECK(axis.high > 1);
  CHECK(axis.high < 1.2);
  for (const double constant : {0.0f, 3.0f, -1e-20f, 1e20f}) {
    std::vector<double> same(7, constant);
    const report::Axis one = report::range_of(same, 10);
    CHECK(one.low < constant);
    CHECK(one.high > constant);
  }
}

TEST_CASE("ticks are round, few and inside", "[report][axis]") {
  const double ranges[][2] = {{0, 1}, {-0.83, 0.61}, {1e-7, 3e-7}, {-2e6, 5e6}, {0.4999, 0.5001}, {0, 50000}};
  for (const auto& [low, high] : ranges) {
    for (const int wanted : {3, 5, 8}) {
      CAPTURE(low, high, wanted);
      const std::vector<report::Tick> found = report::ticks(low, high, wanted);
      REQUIRE(found.size() >= 2);
      CHECK(static_cast<int>(found.size()) <= wanted);
      const double step = found[1].position - found[0].position;
      const double digit = step / std::pow(10, std::floor(std::log10(step) + 1e-9));
      CHECK((std::abs(digit - 1) < 1e-6 || std::abs(digit - 2) < 1e-6 || std::abs(digit - 5) < 1e-6));
      for (const report::Tick& tick : found) {
        CHECK(tick.position >= low - 1e-9 * (high - low));
        CHECK(tick.position <= high + 1e-9 * (high - low));
      }
    }
  }
}

TEST_CASE("tick labels have the decimals that their distance needs", "[report][axis]") {
  std::vector<std::string> texts;
  for (const report::Tick& tick : report::ticks(-0.25, 0.3, 5)) texts.push_back(tick.text);
  CHECK(texts == std::vector<std::string>{"-0.2", "0.0", "0.2"});
  texts.clear();
  for (const report::Tick& tick : report::ticks(0, 10, 3)) texts.push_back(tick.text);
  CHECK(texts == std::vector<std::string>{"0", "5", "10"});
}
