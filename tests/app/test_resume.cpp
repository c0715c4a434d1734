#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <regex>
#include <thread>

#include <catch2/catch_test_macros.hpp>

#include "app/program.hpp"
#include "checkpoint/model_file.hpp"
#include "core/philox.hpp"
#include "io/atomic_file.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

// metrics.jsonl without the two fields that may differ: when a line was written and how fast the steps were.
std::vector<std::string> metrics(const std::string& run) {
  static const std::regex clock(R"-("(time|rate)":[^,}]*)-");
  std::ifstream file(run + "/metrics.jsonl");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(std::regex_replace(line, clock, ""));
  return lines;
}

void require_same_weights(const std::string& run, const std::string& other) {
  const auto a = checkpoint::load_model(run + "/model.safetensors"),
             b = checkpoint::load_model(other + "/model.safetensors");
  REQUIRE(a.weights.size() == b.weights.size());
  for (const auto& [name, array] : a.weights) {
    INFO(name);
    REQUIRE(array.bytes == b.weights.at(name).bytes);
  }
  REQUIRE(a.validation_loss == b.validation_loss);
  REQUIRE(a.step == b.step);
}

TEST_CASE("a run killed at three random moments and resumed is identical to one never killed",
          "[app][resume]") {
  const TemporaryFolder folder;
  io::write_text(folder.file("tiny.yaml"), tiny_config());
  REQUIRE(run({"train", folder.file("tiny.yaml"), "-o", folder.file("whole"), "-q"}).code == 0);

  core::Philox random(20, core::Purpose::test);
  Running first({"train", folder.file("tiny.yaml"), "-o", folder.file("killed")});
  std::this_thread::sleep_for(std::chrono::milliseconds(1500 + random.below(1500)));
  first.send(SIGKILL);
  first.wait();
  for (int kill = 0; kill < 2; ++kill) {
    if (!std::filesystem::exists(folder.file("killed/config.yaml")))
      break;  // killed before the run was there
    Running again({"resume", folder.file("killed")});
    std::this_thread::sleep_for(std::chrono::milliseconds(1200 + random.below(1000)));
    again.send(SIGKILL);
    again.wait();
  }
  const Outcome last = std::filesystem::exists(folder.file("killed/config.yaml"))
                           ? run({"resume", folder.file("killed")})
                           : run({"train", folder.file("tiny.yaml"), "-o", folder.file("killed")});
  INFO(last.output);
  REQUIRE(last.code == 0);
  require_same_weights(folder.file("whole"), folder.file("killed"));
  REQUIRE(metrics(folder.file("whole")) == metrics(folder.file("killed")));
}

TEST_CASE("SIGTERM writes a checkpoint and exits 75, and resume ends the run", "[app][resume]") {
  const TemporaryFolder folder;
  io::write_text(folder.file("tiny.yaml"), tiny_config());
  Running training(
      {"train", folder.file("tiny.yaml"), "-o", folder.file("run"), "--set", "training.nsteps=1000000"});
  REQUIRE(wait_until([&] { return has_checkpoint(folder.file("run")); }));
  training.send(SIGTERM);
  REQUIRE(training.wait() == 75);
  const Outcome resumed = run({"resume", folder.file("run"), "--steps", "1"});
  INFO(resumed.output);
  REQUIRE(resumed.code != 3);
}

TEST_CASE("resume of a finished run says so and exits 0", "[app][resume]") {
  const TemporaryFolder folder;
  io::write_text(folder.file("tiny.yaml"), tiny_config());
  REQUIRE(
      run({"train", folder.file("tiny.yaml"), "-o", folder.file("run"), "-q", "--set", "training.nsteps=40"})
          .code == 0);
  const Outcome resumed = run({"resume", folder.file("run")});
  REQUIRE(resumed.code == 0);
  REQUIRE(resumed.output.find("has finished at step 40") != std::string::npos);
}

}  // namespace
}  // namespace fluxsbi::test
