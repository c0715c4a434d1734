#include <algorithm>
#include <filesystem>

#include <catch2/catch_test_macros.hpp>

#include "benchmark/entry.hpp"
#include "benchmark/plan.hpp"
#include "benchmark/protocol.hpp"
#include "support/temporary_folder.hpp"
#include "support/user_error.hpp"

namespace fluxsbi::benchmark {
namespace {

using test::error_of;

const std::vector<std::string> models{"flux1", "flux1joint", "simformer"};

TEST_CASE("a plan holds every combination once, and its folders have names that a person finds",
          "[benchmark][plan]") {
  Selection selection;
  selection.tasks = {"two_moons", "slcp", "two_moons"};
  selection.models = {"flux1", "simformer"};
  selection.methods = {"flow", "score", "ve"};
  selection.budgets = {1000, 10000};
  selection.seeds = {1, 2, 1};
  const auto entries = plan(selection, models);
  REQUIRE(entries.size() == 2 * 2 * 2 * 2 * 2);
  REQUIRE(entries.front().title() == "two_moons/flux1_flow_1000_seed1");
  REQUIRE(entries.front().folder("out") == "out/two_moons/flux1_flow_1000_seed1");
  REQUIRE(entries.back().title() == "slcp/simformer_score_10000_seed2");
  selection.label = "wide";
  REQUIRE(plan(selection, models).front().name() == "flux1_flow_1000_seed1_wide");
}

TEST_CASE("a plan of nothing else is the ten tasks with the recommended model", "[benchmark][plan]") {
  const auto entries = plan({}, models);
  REQUIRE(entries.size() == 10);
  REQUIRE(entries.front() == Entry{"two_moons", "auto", "flow", 10000, 1, ""});
}

TEST_CASE("wrong names and numbers of a plan are told with the remedy", "[benchmark][plan]") {
  const auto problem = [](auto change) {
    Selection selection;
    change(selection);
    return error_of([&] { plan(selection, models); });
  };
  CHECK(problem([](Selection& s) { s.tasks = {"slpc"}; }).find("did you mean 'slcp'") != std::string::npos);
  CHECK(problem([](Selection& s) { s.models = {"flux2"}; }).find("did you mean 'flux1'") !=
        std::string::npos);
  CHECK(problem([](Selection& s) { s.methods = {"flwo"}; }).find("did you mean 'flow'") != std::string::npos);
  CHECK(problem([](Selection& s) { s.budgets = {20}; }).find("at least 100") != std::string::npos);
  CHECK(problem([](Selection& s) { s.seeds = {held_out_seed}; }).find("scored by") != std::string::npos);
  CHECK(problem([](Selection& s) { s.label = "a/b"; }).find("--name") != std::string::npos);
}

TEST_CASE("the shards of a plan are all of it, each entry once", "[benchmark][plan]") {
  const auto entries = plan({}, models);
  size_t count = 0;
  std::vector<std::string> seen;
  for (const char* shard : {"0/3", "1/3", "2/3"}) {
    for (const Entry& entry : part_of(entries, shard)) seen.push_back(entry.title());
    count += part_of(entries, shard).size();
  }
  REQUIRE(count == entries.size());
  std::sort(seen.begin(), seen.end());
  REQUIRE(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
  REQUIRE_FALSE(error_of([&] { part_of(entries, "3/3"); }).empty());
}

TEST_CASE("entries are read back from their folders, by task, simulations and name", "[benchmark][plan]") {
  const test::TemporaryFolder folder;
  const Entry late{"slcp", "flux1", "flow", 1000, 1, ""},
      early{"two_moons", "simformer", "edm", 10000, 2, "wide"},
      first{"two_moons", "simformer", "edm", 1000, 2, ""};
  for (const Entry& entry : {late, early, first}) {
    std::filesystem::create_directories(entry.notes(folder.path()));
    save_entry(folder.path(), entry);
  }
  REQUIRE(entries_in(folder.path()) == std::vector<Entry>{first, early, late});
  REQUIRE(entries_in(folder.file("nowhere")).empty());
  test::write_file(late.notes(folder.path()) + "/entry.json", "{\"task\": ");
  REQUIRE(error_of([&] { entries_in(folder.path()); }).find("damaged") != std::string::npos);
}

TEST_CASE("one folder has one protocol; what it lacked may be added", "[benchmark][plan]") {
  const test::TemporaryFolder folder;
  const Protocol fresh{0, 10, 1000, 300}, both{10, 10, 1000, 300}, others{10, 10, 2000, 300};
  REQUIRE(joined_protocol(folder.path(), fresh) == fresh);
  save_protocol(folder.path(), fresh);
  REQUIRE(load_protocol(folder.path()) == fresh);
  REQUIRE(joined_protocol(folder.path(), both) == both);
  save_protocol(folder.path(), both);
  REQUIRE(joined_protocol(folder.path(), fresh) == both);
  const std::string problem = error_of([&] { joined_protocol(folder.path(), others); });
  REQUIRE(problem.find("--draws 1000") != std::string::npos);
  REQUIRE(problem.find("2000") != std::string::npos);
}

TEST_CASE("methods have the short names that tables use", "[benchmark][plan]") {
  REQUIRE(method_name("flow", "edm", "ve") == "flow");
  REQUIRE(method_name("diffusion", "edm", "ve") == "edm");
  REQUIRE(method_name("score_matching", "edm", "vp") == "vp");
  REQUIRE(method_name("score_matching", "edm", "ve") == "score");
}

}  // namespace
}  // namespace fluxsbi::benchmark
