// What the look before training says of columns, and of what they have to do with each other.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>

#include <catch2/catch_test_macros.hpp>

#include "data/sims.hpp"

using namespace fluxsbi;
using data::Severity;
using test::find;
using test::says_text;
using test::Sims;

TEST_CASE("angles are noted by the turn that they fill, and other ranges are not", "[data][look]") {
  const auto noted = [](double low, double high, int64_t rows = 500) {
    Sims sims(rows);
    for (int64_t row = 0; row < rows; ++row) {
      const double part = (static_cast<double>(row * 37 % rows) + 0.5) / static_cast<double>(rows);
      sims.theta_at(row, 0) = low + part * (high - low);
      sims.x_at(row, 0) = sims.theta_at(row, 0) + 0.01 * (high - low) * sims.x_at(row, 1);
    }
    const auto look = sims.look();
    const auto* found = find(look, "angles");
    return found ? found->text : std::string();
  };
  constexpr double pi = std::numbers::pi;
  CHECK(says_text(noted(0, 2 * pi), "theta_0 (0 to 2 pi)"));
  CHECK(says_text(noted(-pi, pi), "theta_0 (-pi to pi)"));
  CHECK(says_text(noted(0, 360), "theta_0 (0 to 360)"));
  CHECK(says_text(noted(-180, 180), "theta_0 (-180 to 180)"));
  for (const auto& [low, high] :
       {std::pair{-1.0, 1.0}, {0.0, 1.0}, {-3.0, 3.0}, {0.0, 100.0}, {0.0, 365.0}, {0.0, 6.4}})
    CHECK(noted(low, high).empty());
  CHECK(noted(0, 360, 150).empty());  // too few to tell
}

TEST_CASE("discrete, constant, duplicate and collinear columns are told", "[data][look]") {
  Sims sims(2000);
  SECTION("discrete theta is a warning, discrete x a note") {
    for (int64_t row = 0; row < 2000; ++row) {
      sims.theta_at(row, 1) = static_cast<double>(row * 7 % 5);
      sims.x_at(row, 0) = static_cast<double>(row * 11 % 3);
    }
    const auto look = sims.look();
    CHECK(look.theta[1].discrete());
    CHECK(find(look, "discrete")->severity == Severity::warning);
    CHECK(says_text(find(look, "discrete")->text, "theta_1 (5 values)"));
  }
  SECTION("a copy") {
    for (int64_t row = 0; row < 2000; ++row) sims.x_at(row, 1) = sims.x_at(row, 0);
    const auto look = sims.look();
    REQUIRE(find(look, "duplicates"));
    CHECK(says_text(find(look, "duplicates")->text, "x_1 (repeats x_0)"));
    REQUIRE(look.findings.size() == 2);  // nothing measures theta_1 any more
    CHECK(says_text(find(look, "untold")->text, "theta_1"));
  }
  SECTION("two parameters of one direction, and an x that tells theta") {
    for (int64_t row = 0; row < 2000; ++row) {
      sims.theta_at(row, 1) = 3 * sims.theta_at(row, 0) + 1e-3 * sims.theta_at(row, 1);
      sims.x_at(row, 0) = 5 - 2 * sims.theta_at(row, 0);
    }
    const auto look = sims.look();
    REQUIRE(find(look, "collinear"));
    CHECK(says_text(find(look, "collinear")->text, "theta_0 and theta_1 (r = 1)"));
    REQUIRE(find(look, "tells-theta"));
    CHECK(says_text(find(look, "tells-theta")->text, "theta_0 and x_0 (r = -1)"));
  }
  SECTION("constant") {
    for (int64_t row = 0; row < 2000; ++row) sims.x_at(row, 0) = 4;
    CHECK(says_text(find(sims.look(), "constant")->text, "x_0 (= 4)"));
  }
}

TEST_CASE("theta on a plane is told by the parameter that the others tell", "[data][look]") {
  Sims sims(2000);
  CHECK(find(sims.look(), "dependent") == nullptr);
  std::vector<double> fractions;  // three that sum to 1
  core::Philox random(3, core::Purpose::test);
  for (int64_t row = 0; row < 2000; ++row) {
    const double a = -std::log(random.uniform()), b = -std::log(random.uniform()),
                 c = -std::log(random.uniform());
    for (const double part : {a, b, c}) fractions.push_back(part / (a + b + c));
  }
  sims.theta = fractions;
  data::Dataset dataset = sims.dataset();
  dataset.shape.theta_dim = 3;
  dataset.theta_names = {"a", "b", "c"};
  const auto look = data::look(dataset, {}, {});
  REQUIRE(find(look, "dependent"));
  CHECK(find(look, "dependent")->severity == Severity::warning);
  CHECK(find(look, "dependent")->variables == std::vector<std::string>{"c"});
}

TEST_CASE("a value that repeats among others, and a negative one among positive ones, are told",
          "[data][look]") {
  Sims sims(2000);
  for (int64_t row = 0; row < 2000; ++row) sims.x_at(row, 1) = std::exp(3 * sims.x_at(row, 1));
  for (int64_t row = 0; row < 2000; row += 50) {
    sims.x_at(row, 0) = 0;
    sims.x_at(row, 1) = -1;
  }
  const auto look = sims.look();
  REQUIRE(find(look, "repeated-values"));
  CHECK(find(look, "repeated-values")->variables == std::vector<std::string>{"x_0"});
  REQUIRE(find(look, "fill-values"));
  CHECK(find(look, "fill-values")->variables == std::vector<std::string>{"x_1"});
}

TEST_CASE("rows of theta and x in another order are warned of", "[data][look][independence]") {
  Sims sims(2000);
  CHECK_FALSE(find(sims.look(), "independent"));
  std::rotate(sims.x.begin(), sims.x.begin() + 2, sims.x.end());  // one row further
  const auto look = sims.look();
  REQUIRE(find(look, "independent"));
  CHECK(find(look, "independent")->severity == Severity::warning);
  CHECK(says_text(find(look, "independent")->remedy, "row i of theta and row i of x are one simulation"));
}

TEST_CASE("a parameter that only a square, a width or a sum tells is told", "[data][look][independence]") {
  Sims sims(2000);
  core::Philox random(5, core::Purpose::test);
  SECTION("a square") {
    for (int64_t row = 0; row < 2000; ++row)
      sims.x_at(row, 1) = sims.theta_at(row, 1) * sims.theta_at(row, 1) + 0.1 * random.normal();
  }
  SECTION("a width") {
    for (int64_t row = 0; row < 2000; ++row)
      sims.x_at(row, 1) = (1.5 + sims.theta_at(row, 1)) * random.normal();
  }
  SECTION("the product of both, which no parameter by itself moves") {
    for (int64_t row = 0; row < 2000; ++row) {
      const double sign = sims.theta_at(row, 0) * sims.theta_at(row, 1) > 0 ? 1 : -1;
      sims.x_at(row, 0) = sign + 0.3 * random.normal();
      sims.x_at(row, 1) = random.normal();
    }
  }
  const auto look = sims.look();
  CHECK_FALSE(find(look, "independent"));
}

TEST_CASE("a parameter that nothing measures is a note", "[data][look][independence]") {
  Sims sims(2000);
  core::Philox random(5, core::Purpose::test);
  for (int64_t row = 0; row < 2000; ++row) sims.x_at(row, 1) = random.normal();
  const auto look = sims.look();
  CHECK_FALSE(find(look, "independent"));
  REQUIRE(find(look, "untold"));
  CHECK(find(look, "untold")->severity == Severity::note);
  CHECK(says_text(find(look, "untold")->text, "theta_1"));
  CHECK_FALSE(says_text(find(look, "untold")->text, "theta_0"));
}
