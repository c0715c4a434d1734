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
  REQUIRE(rows[0].values == std::vector<double>{1, 2});
  REQUIRE(rows[1].values == std::vector<double>{3, 0.4});
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
  REQUIRE(rows[0].values == std::vector<double>{1, 2, 3, 4});
  REQUIRE(rows[1].values == std::vector<double>{100, -0.2});
  REQUIRE(rows[2].values.size() == 3);
  REQUIRE(std::isnan(rows[2].values[1]));
  REQUIRE(rows[3].values.size() == 2);
  REQUIRE(std::isnan(rows[4].values[0]));
}

TEST_CASE("only as many rows are read as are asked for", "[data][rows]") {
  CHECK(data::read_rows("h\n1\n2\n3\n", 2).size() == 2);
  CHECK(data::read_rows("1\n2\n", 2).size() == 2);
  CHECK(data::read_rows("1\n2\n", 5).size() == 2);
}

TEST_CASE("decimal commas are no separators", "[data][rows]") {
  for (const char* text : {"0,5;-0,25\n", "0,5 1,25\n", "1,5\t2,5\n"}) {
    const auto rows = data::read_rows(text);
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].problem.find("commas for decimal points") != std::string::npos);
  }
  for (const char* text : {"0,5\n", "1, 2\n", "1,2,3;4\n", "0.5;1,25\n"})
    CHECK(data::read_rows(text)[0].problem.empty());
}

TEST_CASE("rows of one number with a decimal comma are known by their zeros and exponents", "[data][rows]") {
  for (const char* text : {"x\n0,53\n0,05\n", "1,5\n2,0625\n-0,007\n", "1,25\n2,345e-05\n", "0,05,1,2\n"}) {
    CAPTURE(text);
    for (const auto& row : data::read_rows(text))
      CHECK(row.problem.find("commas for decimal points") != std::string::npos);
  }
  // Whole numbers, written plainly or all with zeros in front, and rows with points.
  for (const char* text : {"1,20\n3,0\n", "001,002\n003,014\n", "0.5,05\n", "5,2e3\n", "1, 05\n", "1;05\n"}) {
    CAPTURE(text);
    CHECK(data::read_rows(text)[0].problem.empty());
  }
}

TEST_CASE("several lines make a row where the config says so", "[data][rows]") {
  const auto rows = data::joined_lines(data::read_rows("a b\n1,2\n\n3\n4,5\nx\n6\n"), 2);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].values == std::vector<double>{1, 2, 3});
  CHECK(rows[0].problem.empty());
  CHECK(rows[1].problem == "'x' is not a number");
}

TEST_CASE("written rows read back the same numbers", "[data][rows]") {
  const std::vector<double> values{0.1f, 0.1, 1.7e9 + 60.5, 1700000000123456789.0};
  const auto text = data::write_rows(std::vector<std::string>{"a", "b"}, values);
  CHECK(text.starts_with("a,b\n0.100000001,0.1\n"));
  const std::vector<std::string> awkward{"a,b", "say \"c\""};
  CHECK(data::write_rows(awkward, {}) == "\"a,b\",\"say \"\"c\"\"\"\n");
  const auto rows = data::read_rows(text);
  REQUIRE(rows.size() == 2);
  CHECK(static_cast<float>(rows[0].values[0]) == 0.1f);
  CHECK(rows[0].values[1] == 0.1);
  CHECK(rows[1].values == std::vector<double>{values[2], values[3]});
}
