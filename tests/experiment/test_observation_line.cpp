#include <cmath>
#include <vector>

#include "core/error.hpp"
#include "experiment/observation_line.hpp"
#include "support/catch.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;
using experiment::parse_observation;

TEST_CASE("an observation is a line of JSON or of numbers", "[experiment][watch]") {
  using Shape = std::vector<int64_t>;
  CHECK(parse_observation("[1, 2.5]").x.to_double() == std::vector{1, 2.5});
  CHECK(parse_observation("[[1, 2], [3, 4]]").x.shape == Shape{2, 2});
  CHECK(parse_observation("1,2.5").x.to_double() == std::vector{1, 2.5});
  CHECK(parse_observation(" 1\t2.5 ").x.to_double() == std::vector{1, 2.5});
  CHECK(std::isnan(parse_observation("[1, null]").x.to_double()[1]));
  CHECK(std::isnan(parse_observation("1,,2").x.to_double()[1]));
  const auto line = parse_observation(R"({"x": [1], "id": "a", "n": 7, "seed": 3, "row": 9})");
  CHECK(line.id == "\"a\"");
  CHECK(line.draws == 7);
  CHECK(line.seed == 3);
  CHECK(line.row == 9);
  CHECK(parse_observation(R"({"x": [1], "id": 12})").id == "12");
  CHECK(experiment::parse_observations(R"([{"x": [1, 2]}, {"x": [3, 4]}])").shape == Shape{2, 2});
  CHECK(experiment::parse_observations(R"({"x": [1, 2]})").shape == Shape{2});
  CHECK(experiment::parse_observations("[[1, 2], [3, 4], [5, 6]]").shape == Shape{3, 2});
  CHECK(experiment::parse_observations(R"([{"x": [1], "id": 1}, {"x": [2], "id": 2}])").shape == Shape{2, 1});
}

TEST_CASE("a bad observation is refused by what is wrong", "[experiment][watch]") {
  const auto refused = [](const char* line, const char* part) {
    CHECK_THROWS_WITH(parse_observation(line), ContainsSubstring(part));
  };
  refused("[1, 2", "is not JSON");
  refused("[1, [2]]", "different depth");
  refused("[[1, 2], [3]]", "different length");
  refused("[[1], 2]", "different depth");
  refused("[]", "holds no numbers");
  refused(R"(["a"])", "must be a list of numbers");
  refused(R"({"id": 3})", "has no \"x\"");
  refused(R"({"x": [1], "draws": 3})", "the key 'draws' is unknown");
  refused(R"({"x": [1], "n": 0})", "\"n\" is '0'");
  refused(R"({"x": [1], "n": 1.5})", "\"n\" is '1.5'");
  refused(R"({"x": [1], "seed": -1})", "\"seed\" is '-1'");
  refused(R"({"x": [1], "id": [2]})", "\"id\" is '[2]'");
  refused(R"({"x": [1], "x": [2]})", "the key 'x' stands twice; keep one");
  refused(R"({"x": [1], "row": -1})", "\"row\" is '-1'");
  CHECK_THROWS_WITH(experiment::parse_observations(R"([{"x": [1], "seed": 2}])"),
                    ContainsSubstring("those of the command"));
  refused("1,high", "'high' is not a number");
}

TEST_CASE("a head has names alone, and a bad line still tells its id", "[experiment][watch]") {
  CHECK(experiment::head_of("mass, spin") == std::vector<std::string>{"mass", "spin"});
  CHECK_FALSE(experiment::head_of("0.1,high"));  // a bad line, whose answer says so
  CHECK_FALSE(experiment::head_of(","));
  CHECK(experiment::id_of(R"({"id": 7, "x": ["high"]})") == "7");
  CHECK(experiment::id_of(R"({"id": [7], "x": [1]})").empty());
  CHECK(experiment::id_of("[1, 2]").empty());
  CHECK(experiment::id_of("{\"id\": 7").empty());
}

TEST_CASE("draws are written with as few digits as give them back", "[experiment][watch]") {
  const std::vector<double> values{0.1F, 2, 1e-7, NAN};
  const std::vector<uint8_t> filled{1, 1};
  CHECK(experiment::draws_text(values, filled, false) == "[[0.1,2],[1e-07,null]]");
  const std::vector<double> fine{0.100000000001};
  const std::vector<uint8_t> one{1};
  CHECK(experiment::draws_text(fine, one, true) == "[[0.100000000001]]");
}
