// What the look before training says of rows that repeat others, and of columns without a value.
#include <algorithm>

#include <catch2/catch_test_macros.hpp>

#include "data/sims.hpp"

using namespace fluxsbi;
using data::NanPolicy;
using data::Severity;
using test::find;
using test::nan_value;
using test::says_text;
using test::Sims;
using test::with_nan;

TEST_CASE("many simulations of few theta are told", "[data][look]") {
  Sims sims(2000);
  for (int64_t row = 0; row < 2000; ++row) {
    for (const int64_t i : {0, 1}) sims.theta_at(row, i) = sims.theta_at(row % 40, i);
  }
  const auto look = sims.look();
  REQUIRE(find(look, "repeated-theta"));
  CHECK(find(look, "repeated-theta")->severity == Severity::warning);
  CHECK(says_text(find(look, "repeated-theta")->text, "2000 rows hold only 40 different theta"));
  CHECK(find(look, "repeated-rows") == nullptr);

  Sims copies(2000);  // which are told as copies
  for (int64_t row = 0; row < 2000; ++row) {
    for (const int64_t i : {0, 1}) {
      copies.theta_at(row, i) = copies.theta_at(row % 500, i);
      copies.x_at(row, i) = copies.x_at(row % 500, i);
    }
  }
  CHECK(find(copies.look(), "repeated-rows"));
  CHECK(find(copies.look(), "repeated-theta") == nullptr);
  Sims pairs(2000);  // two simulations of a theta are no reason
  for (int64_t row = 1; row < 2000; row += 2) {
    for (const int64_t i : {0, 1}) pairs.theta_at(row, i) = pairs.theta_at(row - 1, i);
  }
  CHECK(find(pairs.look(), "repeated-theta") == nullptr);
}

TEST_CASE("rows of x that were never written are told, corners of clipped values are not", "[data][look]") {
  Sims sims(2000);
  for (int64_t row = 1600; row < 2000; ++row) sims.x_at(row, 0) = sims.x_at(row, 1) = 0;
  const auto look = sims.look();
  REQUIRE(find(look, "shared-x"));
  CHECK(find(look, "shared-x")->severity == Severity::warning);
  CHECK(says_text(find(look, "shared-x")->text, "20 % of the rows (400 of 2000)"));
  CHECK(says_text(find(look, "shared-x")->text, "x_0 = 0, x_1 = 0"));

  Sims clipped(2000);
  for (double& value : clipped.x) value = std::min(value, 0.5);
  CHECK(find(clipped.look(), "shared-x") == nullptr);
  CHECK(find(Sims(2000).look(), "shared-x") == nullptr);
  Sims missing(2000);  // rows that lack all of x have nothing in common
  for (int64_t row = 1600; row < 2000; ++row) missing.x_at(row, 0) = missing.x_at(row, 1) = nan_value;
  CHECK(find(missing.look(with_nan(NanPolicy::impute)), "shared-x") == nullptr);
}

TEST_CASE("a column that no row holds is an error of its own", "[data][look]") {
  for (const NanPolicy policy : {NanPolicy::error, NanPolicy::drop, NanPolicy::impute}) {
    Sims sims(200);
    for (int64_t row = 0; row < 200; ++row) sims.x_at(row, 1) = nan_value;
    const auto look = sims.look(with_nan(policy));
    REQUIRE(find(look, "empty-columns"));
    CHECK(find(look, "empty-columns")->severity == Severity::error);
    CHECK(find(look, "empty-columns")->variables == std::vector<std::string>{"x_1"});
    CHECK(find(look, "few-rows") == nullptr);
    CHECK(find(look, "failed-rows") == nullptr);
  }
}
