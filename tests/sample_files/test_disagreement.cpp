#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "core/philox.hpp"
#include "sample/files/disagreement.hpp"

namespace {

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;

constexpr double infinity = std::numeric_limits<double>::infinity();
const data::Standardiser units{{3, -1}, {2, 5}};

// Draws of one row and two features: member m has mean shift m of the first feature and its own spread of the
// second.
struct Row {
  std::vector<double> values;
  std::vector<uint8_t> filled;
  int64_t draws = 0, members = 0;

  sample::MemberDraws all() const { return {values, filled, 1, draws, members}; }
};

Row draws_of(int64_t members, int64_t draws, double shift, double growth, uint64_t seed = 1) {
  core::Philox random(seed, core::Purpose::test);
  Row row;
  for (int64_t d = 0; d < draws; ++d) {
    const auto m = static_cast<double>(d % members);
    row.values.push_back(7 + 0.5 * (random.normal() + shift * m));
    row.values.push_back(-2 + std::pow(growth, m) * random.normal());
  }
  row.filled.assign(static_cast<size_t>(draws), 1);
  row.draws = draws;
  row.members = members;
  return row;
}

}  // namespace

TEST_CASE("members that draw from one distribution do not disagree", "[sample_files][ensemble]") {
  for (const int64_t members : {2, 4, 8}) {
    for (uint64_t seed = 0; seed < 50; ++seed) {
      const Row row = draws_of(members, 60 * members, 0, 1, seed);
      const auto found = sample::disagreements(row.all(), units);
      REQUIRE(found.size() == 1);
      CAPTURE(members, seed, found[0].apart, found[0].factor);
      CHECK_FALSE(found[0].warns());
    }
  }
}

TEST_CASE("how far means lie apart and by which factor spreads differ is measured",
          "[sample_files][ensemble]") {
  const Row apart =
      draws_of(2, 20000, 2, 1);  // means at 0 and 2 standard deviations: their deviation is sqrt 2
  const auto means = sample::disagreements(apart.all(), units);
  CHECK(std::abs(means[0].apart - std::sqrt(2.0)) < 0.05);
  CHECK(means[0].apart_feature == 0);
  CHECK(means[0].factor < 1.05);
  const Row wider = draws_of(2, 20000, 0, 4);  // log s differs by log 4
  const auto spreads = sample::disagreements(wider.all(), units);
  CHECK(std::abs(spreads[0].factor - std::exp(std::log(4.0) / std::sqrt(2.0))) < 0.1);
  CHECK(spreads[0].factor_feature == 1);
  CHECK(spreads[0].warns());
  const std::vector<std::string> names{"mass", "spin"};
  CHECK_THAT(means[0].text(2, names),
             ContainsSubstring("the 2 members of the ensemble disagree: their means of mass lie 1.4"));
  CHECK_THAT(spreads[0].text(2, names), ContainsSubstring("their spreads of spin differ by a factor of 2."));
}

TEST_CASE("transforms count: what is alike in logarithms is alike", "[sample_files][ensemble]") {
  const Row row = draws_of(2, 4000, 1.5, 1);
  Row scaled = row;
  for (double& value : scaled.values) value = std::exp(value);
  const data::Standardiser logs{{3, -1}, {2, 5}, data::between({{0, 0}, {infinity, infinity}})};
  const auto plain = sample::disagreements(row.all(), units),
             found = sample::disagreements(scaled.all(), logs);
  CHECK(std::abs(plain[0].apart - found[0].apart) < 1e-3);
}

TEST_CASE("nothing is said of single models, of few draws, and of features that are given",
          "[sample_files][ensemble]") {
  CHECK(sample::disagreements(draws_of(1, 500, 0, 1).all(), units).empty());
  CHECK(sample::disagreements(draws_of(4, 196, 3, 1).all(), units).empty());
  Row gaps = draws_of(2, 110, 3, 1);
  for (size_t d = 0; d < 20; ++d) gaps.filled[d] = 0;
  CHECK(sample::disagreements(gaps.all(), units).empty());
  Row given = draws_of(2, 200, 0, 1);
  for (size_t d = 0; d < 200; ++d) given.values[2 * d + 1] = 0.1;
  const auto found = sample::disagreements(given.all(), units);
  REQUIRE(found.size() == 1);
  CHECK_FALSE(found[0].warns());
}
