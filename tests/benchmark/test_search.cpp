#include <cmath>
#include <set>

#include <catch2/catch_test_macros.hpp>

#include "benchmark/flat_config.hpp"
#include "benchmark/search.hpp"
#include "support/temporary_folder.hpp"
#include "support/user_error.hpp"

namespace fluxsbi::benchmark {
namespace {

using test::error_of;

SearchSpace space_of(const std::string& yaml) {
  const test::TemporaryFolder folder;
  test::write_file(folder.file("space.yaml"), yaml);
  return load_space(folder.file("space.yaml"));
}

TEST_CASE("a space is read with nested and with dotted keys, and values keep their YAML",
          "[benchmark][search]") {
  const SearchSpace space = space_of(
      "optimizer: {max_lr: [1e-3, 3.0e-4, 1e-3]}\nstrategy.time_mean: [0.5, 1]\n"
      "model:\n  axes_dim: [[4, 4], [2, 6]]\n  name: ['3', x]\nstrategy.times: [{a: 1, b: [2]}, null]\n");
  REQUIRE(space.keys.size() == 5);
  REQUIRE(space.keys[0] ==
          std::pair<std::string, std::vector<std::string>>{"optimizer.max_lr", {"1e-3", "3.0e-4"}});
  REQUIRE(space.keys[2].second == std::vector<std::string>{"[4, 4]", "[2, 6]"});
  REQUIRE(space.keys[3].second == std::vector<std::string>{"\"3\"", "x"});
  REQUIRE(space.keys[4].second == std::vector<std::string>{"{a: 1, b: [2]}", "null"});
  REQUIRE(space.size() == 32);
  CHECK(error_of([] { space_of("optimizer: {max_lr: 1e-3}\n"); }).find("needs a list") != std::string::npos);
  CHECK(error_of([] { space_of("optimizer: {max_lr: []}\n"); }).find(":1:") != std::string::npos);
  CHECK(error_of([] { space_of("{}\n"); }).find("nothing to try") != std::string::npos);
}

TEST_CASE("trials are all combinations where they fit, else different ones that the seed decides",
          "[benchmark][search]") {
  const SearchSpace space = space_of("a.b: [1, 2, 3]\na.c: [x, y]\n");
  const auto all = draw_trials(space, 6, 1);
  REQUIRE(all.size() == 6);
  REQUIRE(all[0] == std::vector<std::string>{"a.b=1", "a.c=x"});
  REQUIRE(all[1] == std::vector<std::string>{"a.b=1", "a.c=y"});
  REQUIRE(std::set(all.begin(), all.end()).size() == 6);
  const auto some = draw_trials(space, 4, 1);
  REQUIRE(std::set(some.begin(), some.end()).size() == 4);
  REQUIRE(draw_trials(space, 4, 1) == some);
  std::set<std::vector<std::vector<std::string>>> by_seed;
  for (uint64_t seed = 0; seed < 8; ++seed) by_seed.insert(draw_trials(space, 4, seed));
  REQUIRE(by_seed.size() > 1);
}

TEST_CASE("each rung keeps a third of the trials and trains them three times as long",
          "[benchmark][search]") {
  const auto rungs = rungs_of(27, 2700);
  REQUIRE(rungs.size() == 4);
  REQUIRE(rungs[0].trials == 27);
  REQUIRE(rungs[0].steps == 100);
  REQUIRE(rungs[3].trials == 1);
  REQUIRE(rungs[3].steps == 2700);
  REQUIRE(rungs_of(1, 500).size() == 1);
  REQUIRE(rungs_of(2, 500)[0].steps == 500);
  REQUIRE(rungs_of(100, 10000).back().trials == 3);
  REQUIRE(rungs_of(9, 4)[0].steps == 1);
}

TEST_CASE("the best scores come first, and NaN last", "[benchmark][search]") {
  REQUIRE(best_of({1, NAN, 3, 2}, 3) == std::vector<size_t>{2, 3, 0});
  REQUIRE(best_of({NAN, 1}, 5) == std::vector<size_t>{1, 0});
}

TEST_CASE("the first key that differs between two configs is named", "[benchmark][search]") {
  const auto flat = [](const std::string& yaml) { return flat_config(config::parse_yaml(yaml, "a.yaml")); };
  const auto one = flat("a: {b: 1, c: [2, {d: x}]}\n");
  REQUIRE(one == FlatConfig{{"a.b", "1"}, {"a.c[0]", "2"}, {"a.c[1].d", "x"}});
  REQUIRE(first_difference(one, one).empty());
  REQUIRE(first_difference(one, flat("a: {b: 1, c: [2, {d: y}]}\n")) == "a.c[1].d is x there and y here");
  REQUIRE(first_difference(one, flat("a: {b: 1, c: [2, {d: x}], e: 3}\n")) ==
          "a.e is not given there and 3 here");
}

}  // namespace
}  // namespace fluxsbi::benchmark
