#include <algorithm>
#include <csignal>
#include <filesystem>

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "app/expect.hpp"
#include "app/program.hpp"
#include "io/atomic_file.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* small_name = "/two_moons/flux1_flow_500_seed1";
constexpr const char* large_name = "/two_moons/flux1_flow_600_seed1";

// Two tiny entries.
std::vector<std::string> tiny_benchmark(const TemporaryFolder& folder, const std::string& out,
                                        const std::string& steps, std::vector<std::string> more = {}) {
  io::write_text(folder.file("tiny.yaml"), tiny_config());
  std::vector<std::string> command{"benchmark",      folder.file(out),
                                   "--tasks",        "two_moons",
                                   "--config",       folder.file("tiny.yaml"),
                                   "--budgets",      "500,600",
                                   "--observations", "0",
                                   "--fresh",        "2",
                                   "--draws",        "100",
                                   "--pairs",        "40",
                                   "--forest",       "off",
                                   "--set",          "training.nsteps=" + steps};
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

nlohmann::json table_of(const TemporaryFolder& folder, const std::string& out) {
  return nlohmann::json::parse(
      succeed({"benchmark", folder.file(out), "--table-only", "--format", "json", "-q"}));
}

TEST_CASE("two shards of a benchmark make its table together, and nothing is done twice",
          "[app][benchmark]") {
  const TemporaryFolder folder;
  REQUIRE(holds(succeed(tiny_benchmark(folder, "out", "40", {"--list"})), "0 of 6 steps done"));
  const std::string commands = succeed(tiny_benchmark(folder, "out", "40", {"--dry-run"}));
  REQUIRE(holds(commands, "fluxsbi simulate two_moons -n 40 --seed 900001 -o"));
  REQUIRE(holds(commands, "fluxsbi diagnose"));
  REQUIRE_FALSE(fs::exists(folder.file("out")));

  succeed(tiny_benchmark(folder, "out", "40", {"--shard", "0/2"}), Start::program);
  REQUIRE(fs::exists(folder.file("out") + small_name + "/model.safetensors"));
  REQUIRE_FALSE(fs::exists(folder.file("out") + large_name));
  const auto made = fs::last_write_time(folder.file("out") + small_name + "/model.safetensors");
  succeed(tiny_benchmark(folder, "out", "40", {"--shard", "1/2"}), Start::program);
  const std::string again = succeed(tiny_benchmark(folder, "out", "40", {"--jobs", "2"}), Start::program);
  REQUIRE_FALSE(holds(again, "train (step"));
  REQUIRE(fs::last_write_time(folder.file("out") + small_name + "/model.safetensors") == made);

  const auto table = table_of(folder, "out");
  REQUIRE(table.size() == 2);
  for (const auto& entry : table) {
    REQUIRE(entry["state"] == "done");
    REQUIRE(entry["c2st"]["fresh_mlp"]["each"].size() == 2);
    REQUIRE(entry["c2st"]["fresh_mlp"]["mean"] > 0.4);
    REQUIRE(entry["log_density"]["mean"].is_number());
    REQUIRE(entry["calibration"]["sbc"].is_string());
    REQUIRE(entry["training"]["steps"] == 40);
    REQUIRE(entry["training"]["threads"] == "1");
    REQUIRE(entry["evaluations_per_draw"] > 0);
  }
  const std::string markdown = succeed({"benchmark", folder.file("out"), "--table-only", "--format",
                                        "markdown", "--budgets", "600", "--each"});
  REQUIRE(holds(markdown, "| two_moons | 600 | flux1 | flow |"));
  REQUIRE_FALSE(holds(markdown, "| two_moons | 500 |"));
  REQUIRE(holds(markdown, "| two_moons/flux1_flow_600_seed1 | fresh MLP |"));
}

TEST_CASE("a benchmark that was killed goes on from its checkpoint and ends as one that never was",
          "[app][benchmark]") {
  const TemporaryFolder folder;
  succeed(tiny_benchmark(folder, "whole", "400", {"--shard", "0/2"}), Start::program);
  Running first(tiny_benchmark(folder, "killed", "400", {"--shard", "0/2"}));
  const std::string run = folder.file("killed") + small_name;
  REQUIRE(wait_until([&] { return has_checkpoint(run); }));
  first.send(SIGKILL);
  REQUIRE(first.wait() == 128 + SIGKILL);
  succeed(tiny_benchmark(folder, "killed", "400", {"--shard", "0/2"}), Start::program);
  REQUIRE(table_of(folder, "killed")[0]["c2st"] == table_of(folder, "whole")[0]["c2st"]);
  REQUIRE(table_of(folder, "killed")[0]["log_density"] == table_of(folder, "whole")[0]["log_density"]);
}

TEST_CASE("what is wrong with a benchmark is told before any work", "[app][benchmark]") {
  const TemporaryFolder folder;
  const std::string out = folder.file("out");
  const auto wrong = [&](std::vector<std::string> more, const std::string& part) {
    std::vector<std::string> command{"benchmark", out, "--forest", "off"};
    command.insert(command.end(), more.begin(), more.end());
    refuses(command, part);
    CHECK_FALSE(fs::exists(out));
  };
  wrong({"--tasks", "two_moon"}, "did you mean 'two_moons'");
  wrong({"--models", "simfomer"}, "did you mean 'simformer'");
  wrong({"--methods", "edn"}, "did you mean 'edm'");
  wrong({"--budgets", "10"}, "at least 100");
  wrong({"--tasks", "two_moons", "--set", "optimizer.max_rl=1"}, "did you mean 'max_lr'");
  wrong({"--tasks", "two_moons", "--set", "data.simulations=7"}, "--budgets");
  wrong({"--reference", folder.file("nowhere")}, "--reference");
  fs::create_directories(folder.file("empty"));
  wrong({"--reference", folder.file("empty"), "--tasks", "bernoulli_glm"}, "no folder of that name");
  wrong({"--observations", "0", "--fresh", "0"}, "no observation");
  wrong({"--tasks", "two_moons", "--observations", "0", "--shard", "2/2"}, "--shard");
  io::write_text(folder.file("file"), "");
  refuses({"benchmark", folder.file("file"), "--tasks", "two_moons"}, "is a file");
  refuses({"benchmark"}, "OUT is missing");
  refuses({"benchmark", out, "--table-only"}, "holds no entry");
  refuses({"benchmark", out, "--forest", "on", "--python", "/nowhere/python", "--tasks", "two_moons"},
          "cannot be started");
}

TEST_CASE("an output folder keeps its protocol and its configs", "[app][benchmark]") {
  const TemporaryFolder folder;
  succeed(tiny_benchmark(folder, "out", "10", {"--shard", "0/2"}), Start::program);
  refuses(tiny_benchmark(folder, "out", "20"), "training.nsteps is 10 there and 20 here");
  auto others = tiny_benchmark(folder, "out", "10");
  std::replace(others.begin(), others.end(), std::string("40"), std::string("50"));
  refuses(others, "--pairs 40");
  succeed(tiny_benchmark(folder, "out", "20", {"--shard", "0/2", "--name", "longer"}), Start::program);
  REQUIRE(table_of(folder, "out").size() == 2);
}

}  // namespace
}  // namespace fluxsbi::test
