// Rows as simulator commands read and write them.
#include <cmath>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "data/simulate/rows_text.hpp"

using namespace fluxsbi;

TEST_CASE("rows of text are read with or without a header", "[data][rows]") {
  const auto rows = data::read_rows("a,b\n1, 2\n\n3 \t4e-1\r\n+5,\n6,x\n");
  REQUIRE(rows.size() == 4);
  REQUIRE(rows[0].values == std::vector<float>{1, 2});
  REQUIRE(rows[1].values == std::vector<float>{3, 0.4f});
  REQUIRE(rows[2].values[0] == 5);
  REQUIRE(std::isnan(rows[2].values[1]));
  REQUIRE(rows[3].problem == "'x' is not a number");
  REQUIRE(data::read_rows("1\n2").size() == 2);
  REQUIRE(data::read_rows("").empty());
}

TEST_CASE("rows of text may mix separators, and hold comments and Fortran's exponents", "[data][rows]") {
  const auto rows =
      data::read_rows("# made by sim\n  1, 2\t3   4 \n1.0D+02;-2d-1 # the end\n\n1,,2\n,\n# 9 9\nNaN 5\n");
  REQUIRE(rows.size() == 5);
  REQUIRE(rows[0].values == std::vector<float>{1, 2, 3, 4});
  REQUIRE(rows[1].values == std::vector<float>{100, -0.2f});
  REQUIRE(rows[2].values.size() == 3);
  REQUIRE(std::isnan(rows[2].values[1]));
  REQUIRE(rows[3].values.size() == 2);
  REQUIRE(std::isnan(rows[4].values[0]));
}

TEST_CASE("written rows read back the same float32", "[data][rows]") {
  const std::vector<float> values{0.1f, -3e-38f, 1.0f / 3, 16777217.0f};
  const auto rows = data::read_rows(data::write_rows(std::vector<std::string>{"a", "b"}, values));
  REQUIRE(rows.size() == 2);
  REQUIRE(rows[0].values == std::vector<float>{values[0], values[1]});
  REQUIRE(rows[1].values == std::vector<float>{values[2], values[3]});
}
