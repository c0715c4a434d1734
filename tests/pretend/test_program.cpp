// The program's commands with a device's plug-in in CUDA's place.
#include <cstdlib>
#include <filesystem>

#include "app/expect.hpp"
#include "io/atomic_file.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

// What a command says whose plug-in is this library.
Outcome with_plugin(const std::string& library, const std::vector<std::string>& arguments) {
  std::vector<std::string> words{"env", "FLUXSBI_DEVICE_PLUGIN=" + library, FLUXSBI_PROGRAM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return run_words(words);
}

TEST_CASE("the commands of an analysis run on another device's plug-in", "[pretend][program]") {
  const TemporaryFolder folder;
  const auto file = [&](const std::string& name) { return folder.file(name); };
  const auto succeeds = [&](std::vector<std::string> arguments, bool on_device = true) {
    if (on_device) arguments.insert(arguments.end(), {"--device", "cuda"});
    const Outcome outcome = with_plugin(FLUXSBI_PRETEND_PLUGIN, arguments);
    INFO(outcome.output);
    // 2: a diagnosis that found something, as it may of so short a training
    REQUIRE((outcome.code == 0 || (arguments.front() == "diagnose" && outcome.code == 2)));
    return outcome.output;
  };
  io::write_text(file("tiny.yaml"), tiny_config());
  const std::string said =
      succeeds({"train", file("tiny.yaml"), "-o", file("run"), "--set", "training.nsteps=40"});
  CHECK(holds(said, "device: pretend:0, a pretend accelerator in the host's memory"));
  CHECK(holds(said, "reference (the tile engine does not cover GPUs)"));
  std::filesystem::remove(file("run") + "/model.safetensors");
  std::filesystem::remove(file("run") + "/checkpoints/step_00000040.safetensors");
  succeeds({"resume", file("run")});
  succeeds({"simulate", "two_moons", "-n", "3", "-o", file("x.npz")}, false);
  succeeds(
      {"sample", file("run"), "--x", file("x.npz"), "-n", "6", "--seed", "1", "-o", file("samples.npz")});
  CHECK(array_in(file("samples.npz"), "samples").shape == std::vector<int64_t>{3, 6, 2});
  succeeds({"log-prob", file("run"), "--theta", file("x.npz"), "--x", file("x.npz"), "--solver", "heun",
            "--steps", "3", "-o", file("densities.npz")});
  succeeds({"map", file("run"), "--x", file("x.npz"), "-n", "2", "--top", "1", "--rtol", "0.05", "-o",
            file("modes.npz")});
  succeeds({"diagnose", file("run"), "sbc", "coverage", "--pairs", "30", "-n", "19", "--steps", "3"});
}

TEST_CASE("a plug-in of another version, and a file that is none, are the user's errors",
          "[pretend][program][mistake]") {
  const TemporaryFolder folder;
  io::write_text(folder.file("tiny.yaml"), tiny_config());
  const std::vector<std::string> train{
      "train", folder.file("tiny.yaml"), "-o", folder.file("run"), "--device", "cuda"};
  const auto refused = [&](const std::string& library, const std::string& part) {
    const Outcome outcome = with_plugin(library, train);
    INFO(outcome.output);
    CHECK(outcome.code == 1);
    CHECK(holds(outcome.output, part));
    CHECK_FALSE(std::filesystem::exists(folder.file("run")));
  };
  refused(FLUXSBI_OTHER_PLUGIN, "is of another version; rebuild it; use --device cpu");
  refused(folder.file("none.so"), "is not there");
  refused(folder.file("tiny.yaml"), "cannot be loaded");
}

}  // namespace
}  // namespace fluxsbi::test
