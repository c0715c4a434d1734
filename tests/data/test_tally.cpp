// Facts about a column that are exact for all of its values.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "core/philox.hpp"
#include "data/look/column.hpp"
#include "data/look/tally.hpp"

using namespace fluxsbi;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE("a tally holds exact ends, counts and moments", "[data][look]") {
  core::Philox random(17, core::Purpose::test);
  std::vector<double> values;
  for (int i = 0; i < 20000; ++i) values.push_back(std::floor(1000 * random.normal()) / 8);
  data::ColumnTally tally;
  for (const double value : values) tally.add(value);
  tally.add(not_a_number);
  std::sort(values.begin(), values.end());
  CHECK(tally.count() == 20000);
  CHECK(tally.missing() == 1);
  CHECK(!tally.whole());
  std::vector<double> low(values), high(values.rbegin(), values.rend());
  low.erase(std::unique(low.begin(), low.end()), low.end());
  high.erase(std::unique(high.begin(), high.end()), high.end());
  for (size_t i = 0; i < data::ColumnEnd::most; ++i) {
    CHECK(tally.low().values()[i].value == low[i]);
    CHECK(tally.low().values()[i].count == std::count(values.begin(), values.end(), low[i]));
    CHECK(tally.high().values()[i].value == high[i]);
    CHECK(tally.high().values()[i].count == std::count(values.begin(), values.end(), high[i]));
  }
  const auto facts = data::column_facts("x_0", values);
  CHECK_THAT(tally.mean(), WithinAbs(facts.mean, 1e-9));
  CHECK_THAT(tally.deviation(), WithinRel(facts.deviation, 1e-9));
}
