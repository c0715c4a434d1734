#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "app/expect.hpp"
#include "app/program.hpp"
#include "app/variables.hpp"
#include "io/atomic_file.hpp"
#include "io/text_file.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

namespace fs = std::filesystem;

// Four trials in two rungs, of which the first has a rate that learns nothing.
std::vector<std::string> tiny_search(const TemporaryFolder& folder, std::vector<std::string> more = {}) {
  io::write_text(folder.file("tiny.yaml"), tiny_config());
  io::write_text(folder.file("space.yaml"),
                 "optimizer.max_lr: [1.0e-9, 1.0e-3]\ntraining: {batch_size: [16, 32]}\n");
  std::vector<std::string> command{"tune",     folder.file("tiny.yaml"),
                                   "--space",  folder.file("space.yaml"),
                                   "--trials", "4",
                                   "--pairs",  "20",
                                   "-o",       folder.file("out"),
                                   "--set",    "optimizer.min_lr=1.0e-10",
                                   "--set",    "optimizer.warmup_steps=10",
                                   "--set",    "training.nsteps=300"};
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

nlohmann::json search_result(const TemporaryFolder& folder, std::vector<std::string> more = {}) {
  more.insert(more.end(), {"--table-only", "--json", "-q"});
  const std::string said = succeed(tiny_search(folder, more));  // warnings of idle options come first
  return nlohmann::json::parse(said.substr(said.find('[')));
}

TEST_CASE("a search finds the settings that learn, and trains them to the end", "[app][tune]") {
  const TemporaryFolder folder;
  REQUIRE(holds(succeed(tiny_search(folder), Start::program), "the best: optimizer.max_lr=1.0e-3"));
  const auto trials = search_result(folder);
  REQUIRE(trials.size() == 4);
  REQUIRE(trials[0]["scores"].size() == 2);
  REQUIRE(trials[0]["scores"][1]["steps"] == 300);
  REQUIRE(trials[1]["scores"].size() == 1);
  REQUIRE(trials[0]["scores"][0]["score"] > trials[3]["scores"][0]["score"]);
  REQUIRE(fs::exists(folder.file("out/best.yaml")));
  const std::string run = trials[0]["run"];
  REQUIRE(holds(succeed({"info", run}), "step 300"));
  REQUIRE_FALSE(holds(succeed(tiny_search(folder), Start::program), "train to step"));
}

TEST_CASE("a search that was stopped goes on", "[app][tune]") {
  const TemporaryFolder folder;
  const std::vector<std::string> by{"--by", "validation-loss", "--jobs", "2"};
  Running first(tiny_search(folder, by));
  REQUIRE(wait_until([&] { return fs::exists(folder.file("out/trial_01/tune/rung_1_trained")); }));
  first.send(SIGTERM);
  const int code = first.wait();
  REQUIRE((code == 75 || code == 0));
  succeed(tiny_search(folder, by), Start::program);
  REQUIRE(search_result(folder, by)[0]["scores"].size() == 2);
}

TEST_CASE("processes of a launcher share the trials of a search", "[app][tune][shard]") {
  const TemporaryFolder folder;
  {
    const Variables set({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "2"}});
    refuses(tiny_search(folder), "--shard auto, by which they share its trials");
  }
  refuses(tiny_search(folder, {"--shard", "2/2"}), "--shard 2/2 is not a part of a whole");
  std::optional<Running> second;
  {
    const Variables set(
        {{"SLURM_ARRAY_TASK_ID", "1"}, {"SLURM_ARRAY_TASK_COUNT", "2"}, {"SLURM_ARRAY_TASK_MIN", "0"}});
    second.emplace(tiny_search(folder, {"--by", "validation-loss", "--shard", "auto"}));
  }
  const std::string first =
      succeed(tiny_search(folder, {"--by", "validation-loss", "--shard", "0/2"}), Start::program);
  REQUIRE(second->wait() == 0);
  REQUIRE(holds(first, "the best: optimizer.max_lr=1.0e-3"));
  int trainings = 0;
  for (int trial = 1; trial <= 4; ++trial) {
    std::ifstream steps(folder.file("out/trial_0" + std::to_string(trial) + "/tune/steps.jsonl"));
    for (std::string line; std::getline(steps, line);) trainings += holds(line, "\"exit\"");
  }
  REQUIRE(trainings == 5);  // four of the first rung, one of the second: nothing was done twice
}

TEST_CASE("what is wrong with a search is told before any work", "[app][tune]") {
  const TemporaryFolder folder;
  const auto wrong = [&](const std::string& space, const std::string& part,
                         const std::string& by = "log-density") {
    auto command = tiny_search(folder, {"--by", by});
    io::write_text(folder.file("space.yaml"), space);
    refuses(command, part);
    CHECK_FALSE(fs::exists(folder.file("out")));
  };
  wrong("optimizer.max_rl: [1, 2]\n", "did you mean 'max_lr'");
  wrong("model.num_heads: [0]\n", "trial model.num_heads=0");
  wrong("training.nsteps: [10, 20]\n", "the first rungs for fewer");
  wrong("training.seed: [1, 2]\n", "validation rows");
  wrong("strategy.time_alpha: [1, 2]\n", "--by log-density", "validation-loss");
  wrong("optimizer.max_lr: 1\n", "needs a list");
}

TEST_CASE("a folder without a search stays as it is", "[app][tune]") {
  const TemporaryFolder folder;
  const auto command = tiny_search(folder);
  const auto with = [&](const std::string& word) {
    auto words = command;
    words.push_back(word);
    return words;
  };
  refuses(with("--table-only"), "holds no search");
  CHECK_FALSE(fs::exists(folder.file("out")));
  fs::create_directory(folder.file("out"));
  io::write_text(folder.file("out/config.yaml"), "of a run");
  refuses(command, "config.yaml that is not a search's");
  CHECK(io::read_text(folder.file("out/config.yaml")) == "of a run");
  CHECK_FALSE(fs::exists(folder.file("out/tune.json")));
}

TEST_CASE("a folder keeps its search", "[app][tune]") {
  const TemporaryFolder folder;
  succeed(tiny_search(folder, {"--by", "validation-loss", "--set", "training.nsteps=30"}), Start::program);
  refuses(tiny_search(folder, {"--by", "validation-loss", "--set", "training.nsteps=60"}),
          "training.nsteps is 30 there and 60 here");
  refuses(tiny_search(folder, {"--by", "log-density", "--set", "training.nsteps=30"}), "criterion differs");
}

}  // namespace
}  // namespace fluxsbi::test
