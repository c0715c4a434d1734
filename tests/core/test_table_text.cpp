#include <cmath>

#include <catch2/catch_test_macros.hpp>

#include "core/table_text.hpp"

using namespace fluxsbi;

TEST_CASE("a table's columns are aligned, the first to the left", "[core][text]") {
  CHECK(core::aligned_table({{"", "mean"}, {"theta_0", "-1.5"}, {"m", "10.25"}}, "  ") ==
        "            mean\n"
        "  theta_0   -1.5\n"
        "  m        10.25\n");
  CHECK(core::aligned_table({{"\xC3\xA4", "1"}, {"bc", "2"}}) ==
        "\xC3\xA4   1\nbc  2\n");  // characters, not bytes
  CHECK(core::aligned_table({{"a", "1", "2"}, {"b", "3"}}) == "a  1  2\nb  3\n");
  CHECK(core::aligned_table({{"a", "long", "1"}, {"b", "x", "22"}}, "", 2) == "a  long   1\nb  x     22\n");
}

TEST_CASE("numbers have the decimals that were asked for, or are scientific", "[core][text]") {
  CHECK(core::decimals_text(1.23456, 2) == "1.23");
  CHECK(core::decimals_text(1000.5, 6) == "1000.500000");
  CHECK(core::decimals_text(1.5e-9, 3) == "0.000");
  CHECK(core::decimals_text(-1.5e-9, 2) == "0.00");
  CHECK(core::decimals_text(1.5e-9, 11) == "1.500e-09");
  CHECK(core::decimals_text(0, 3) == "0.000");
  CHECK(core::decimals_text(123456789012.0, 4) == "1.235e+11");
  CHECK(core::decimals_text(-1e300, 3) == "-1.000e+300");
  CHECK(core::decimals_text(std::nan(""), 3) == "-");
}

TEST_CASE("numbers far from zero keep the digits that tell draws apart", "[core][text]") {
  CHECK(core::resolved_text(5000000.736, 0.96) == "5000000.74");
  CHECK(core::resolved_text(-1.7e12 - 3, 5) == "-1700000000003");
  CHECK(core::resolved_text(0.12345678, 0.5) == "0.1235");
  CHECK(core::resolved_text(12345.678, 3000) == "1.235e+04");
  CHECK(core::resolved_text(0, 1) == "0");
  CHECK(core::resolved_text(5e6, 0) == "5e+06");
  CHECK(core::resolved_text(5e6, std::nan("")) == "5e+06");
  CHECK(core::resolved_text(std::nan(""), 1) == "-");
}
