#include <filesystem>

#include <catch2/catch_test_macros.hpp>

#include "benchmark/steps.hpp"
#include "io/files.hpp"
#include "support/temporary_folder.hpp"
#include "support/user_error.hpp"

namespace fluxsbi::benchmark {
namespace {

namespace fs = std::filesystem;
using test::error_of;

const Entry moons{"two_moons", "flux1", "flow", 1000, 3, ""};
const EntryConfig config{"strategy: {method: flow}\noptimizer: {max_lr: 1.0e-3}\n",
                         {"data.simulations=1000"}};

Scoring fresh_scoring(const std::string& out) {
  Scoring scoring;
  scoring.program = "/usr/bin/fluxsbi";
  scoring.out = out;
  scoring.protocol = {0, 2, 500, 100};
  return scoring;
}

TEST_CASE("an entry is trained, sampled and scored by commands that a user can repeat",
          "[benchmark][steps]") {
  Scoring scoring = fresh_scoring("out");
  scoring.python = "python3";
  const auto task = std::make_shared<Work>(task_work(scoring, "two_moons"));
  const Work work = entry_work(scoring, moons, config, task);
  std::vector<std::string> lines;
  for (const Step& step : work.steps) lines.push_back(command_line(step));
  const std::string run = "out/two_moons/flux1_flow_1000_seed3", notes = run + "/benchmark";
  REQUIRE(lines[0] == "fluxsbi train " + notes +
                          "/config.yaml --task two_moons --seed 3 --set data.simulations=1000 -o " + run +
                          " --force");
  REQUIRE(lines.back() == "python3 out/c2st_forest.py out/two_moons/scoring/fresh_posterior.npz " + notes +
                              "/fresh_samples.npz --row 1 --threads 1 > " + notes + "/fresh_forest_2.json");
  REQUIRE(lines.size() == 1 + 1 + 1 + 1 + 2 * 2);
  REQUIRE(task->steps.size() == 3);
  REQUIRE(command_line(task->steps[0]) ==
          "fluxsbi simulate two_moons -n 2 --seed 900002 -o out/two_moons/scoring/fresh_x.npz");
}

TEST_CASE("tasks without any right posterior have no observations", "[benchmark][steps]") {
  const Scoring scoring = fresh_scoring("out");
  REQUIRE(observation_sets(scoring, "bernoulli_glm").empty());
  REQUIRE(observation_sets(scoring, "slcp").size() == 1);
}

TEST_CASE("a folder's training keeps its config; another one is refused by the first key that differs",
          "[benchmark][steps]") {
  const test::TemporaryFolder folder;
  const Scoring scoring = fresh_scoring(folder.path());
  const auto task = std::make_shared<Work>();
  require_same_config(folder.path(), moons, config);
  fs::create_directories(moons.notes(folder.path()));
  entry_work(scoring, moons, config, task).prepare();
  require_same_config(folder.path(), moons, config);
  const EntryConfig same{"# a remark\nstrategy:\n  method: flow\noptimizer:\n  max_lr: 1.0e-3\n",
                         config.settings};
  require_same_config(folder.path(), moons, same);
  EntryConfig other = config;
  other.settings.emplace_back("optimizer.max_lr=1e-4");
  const std::string problem = error_of([&] { require_same_config(folder.path(), moons, other); });
  REQUIRE(problem.find("optimizer.max_lr is 1.0e-3 there and 1e-4 here") != std::string::npos);
  REQUIRE(problem.find("--name") != std::string::npos);
  Entry named = moons;
  named.label = "slow";
  require_same_config(folder.path(), named, other);
}

TEST_CASE("a run that the benchmark did not make is left alone", "[benchmark][steps]") {
  const test::TemporaryFolder folder;
  fs::create_directories(moons.folder(folder.path()));
  test::write_file(moons.folder(folder.path()) + "/config.yaml", "strategy: {}\n");
  REQUIRE(error_of([&] { require_same_config(folder.path(), moons, config); }).find("did not make") !=
          std::string::npos);
}

TEST_CASE("observations of the reference folder stay what they were", "[benchmark][steps]") {
  const test::TemporaryFolder folder;
  const std::string one = folder.file("sbibm/two_moons/num_observation_1");
  fs::create_directories(one);
  fs::create_directories(folder.file("out/two_moons/scoring"));
  test::write_file(one + "/observation.csv", "data_1,data_2\n0.5,-0.25\n");
  const std::vector<float> draws(40, 0.5F);
  io::save_arrays(one + "/reference_posterior_samples.npy",
                  {{"array", io::Array::from(std::span<const float>(draws), {20, 2})}});
  Scoring scoring = fresh_scoring(folder.file("out"));
  scoring.protocol = {1, 0, 500, 100};
  scoring.reference.emplace(folder.file("sbibm"));
  const Work work = task_work(scoring, "two_moons");
  REQUIRE(work.steps.size() == 1);  // held-out pairs alone
  work.prepare();
  work.prepare();
  test::write_file(one + "/observation.csv", "data_1,data_2\n0.5,0.25\n");
  REQUIRE(error_of([&] { task_work(scoring, "two_moons").prepare(); }).find("other observations") !=
          std::string::npos);
}

}  // namespace
}  // namespace fluxsbi::benchmark
