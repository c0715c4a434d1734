#include <cmath>

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include "core/philox.hpp"
#include "report/posterior_summary.hpp"

using namespace fluxsbi;
using Catch::Approx;

TEST_CASE("summaries are those of the formulas", "[report][summary]") {
  // a: 0, 1, ..., 100; b: NaN but for one draw.
  const std::vector<std::string> names{"a", "b"};
  std::vector<double> draws;
  for (int i = 0; i <= 100; ++i) {
    draws.push_back(100 - i);
    draws.push_back(i == 7 ? 3.0 : NAN);
  }
  const auto found = report::summarise(draws, names);
  REQUIRE(found.size() == 2);
  CHECK(found[0].name == "a");
  CHECK(found[0].draws == 101);
  CHECK(found[0].mean == Approx(50));
  CHECK(found[0].deviation == Approx(std::sqrt(101.0 * 102 / 12)));
  CHECK(found[0].quantiles[0] == Approx(5));
  CHECK(found[0].quantiles[1] == Approx(25));
  CHECK(found[0].quantiles[2] == Approx(50));
  CHECK(found[0].quantiles[4] == Approx(95));
  CHECK(found[0].mode == Approx(4.5));  // the first of equal intervals of ten draws
  CHECK(found[1].draws == 1);
  CHECK(found[1].mean == 3);
  CHECK(std::isnan(found[1].deviation));
  CHECK(found[1].mode == 3);
  CHECK(std::isnan(report::summarise(std::vector<double>{NAN, 1}, names)[0].mean));
}

TEST_CASE("the mode of two peaks lies in the higher one", "[report][summary]") {
  core::Philox random(3, core::Purpose::test);
  std::vector<double> draws;
  for (int i = 0; i < 10000; ++i)
    draws.push_back(i % 10 < 6 ? 2 + 0.1 * random.normal() : -1 + 0.2 * random.normal());
  const auto found = report::summarise(draws, std::vector<std::string>{"a"});
  CHECK(found[0].mode == Approx(2).margin(0.06));  // its interval is a quarter of a standard deviation wide
}
