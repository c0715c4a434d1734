// The program's commands with a device's plug-in in CUDA's place.
#include <cstdlib>
#include <filesystem>

#include "app/expect.hpp"
#include "checkpoint/model_file.hpp"
#include "io/atomic_file.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

// What a command says whose plug-in is this library, on a machine that lacks what `fault` names.
Outcome with_plugin(const std::string& library, const std::vector<std::string>& arguments,
                    const std::string& fault = "") {
  std::vector<std::string> words{"env", "FLUXSBI_DEVICE_PLUGIN=" + library, "FLUXSBI_PRETEND=" + fault,
                                 "FLUXSBI_KEEP_SECONDS=0", FLUXSBI_PROGRAM};
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

TEST_CASE("an old driver and an old GPU are told in plain words", "[pretend][program][mistake]") {
  const TemporaryFolder folder;
  io::write_text(folder.file("tiny.yaml"), tiny_config());
  std::vector<std::string> train{
      "train", folder.file("tiny.yaml"), "-o", folder.file("run"), "--device", "cuda",
      "--set", "training.nsteps=20"};
  const Outcome refused = with_plugin(FLUXSBI_PRETEND_PLUGIN, train, "old_driver");
  INFO(refused.output);
  CHECK(refused.code == 1);
  CHECK(holds(refused.output,
              "CUDA cannot be used: the NVIDIA driver supports CUDA 12.2, but the plug-in was "
              "built with CUDA 13.0; update the driver"));
  CHECK_FALSE(std::filesystem::exists(folder.file("run")));
  train.insert(train.end(), {"--set", "model.param_dtype=bfloat16"});
  const Outcome slower = with_plugin(FLUXSBI_PRETEND_PLUGIN, train, "old_gpu");
  INFO(slower.output);
  CHECK(slower.code == 0);
  CHECK(holds(slower.output, "computing in float32: this GPU does not multiply bfloat16 numbers itself"));
  CHECK(holds(slower.output,
              "LibTorch's kernels alone: the device runs no own ones (GPUs do from compute "
              "capability 8.0 on)"));
}

TEST_CASE("a device that is lost ends the work with one sentence, and the same command goes on",
          "[pretend][program][mistake]") {
  const TemporaryFolder folder;
  const auto file = [&](const std::string& name) { return folder.file(name); };
  io::write_text(file("tiny.yaml"), tiny_config());
  const auto train = [&](const std::string& run) {
    return std::vector<std::string>{"train", file("tiny.yaml"),   "-o", file(run), "--device", "cuda",
                                    "--set", "training.nsteps=60"};
  };
  const auto works = [&](std::vector<std::string> arguments, const std::string& fault = "") {
    const Outcome outcome = with_plugin(FLUXSBI_PRETEND_PLUGIN, arguments, fault);
    INFO(outcome.output);
    CHECK(outcome.code == (fault.empty() ? 0 : 1));
    if (!fault.empty()) {
      CHECK(holds(outcome.output, "error: the GPU has failed (CUDA error: unspecified launch failure)"));
      CHECK_FALSE(holds(outcome.output, "internal error"));
    }
    return outcome.output;
  };
  works(train("whole"));
  const std::string said = works(train("lost"), "lost_after=20000");
  CHECK(holds(said, "The last good checkpoint is " + file("lost") + "/checkpoints/step_"));
  works({"resume", file("lost"), "--device", "cuda"});
  CHECK(checkpoint::load_model(file("lost/model.safetensors")).validation_loss ==
        checkpoint::load_model(file("whole/model.safetensors")).validation_loss);

  io::write_text(file("x.csv"), "x_0,x_1\n0.1,0.2\n");
  const auto sample = [&](const std::string& out) {
    return std::vector<std::string>{"sample",   file("whole"), "--x",     file("x.csv"), "-n",       "400",
                                    "--solver", "heun",        "--steps", "4",           "--chunk",  "20",
                                    "-o",       file(out),     "--seed",  "1",           "--device", "cuda"};
  };
  works(sample("whole.npz"));
  const std::string kept = works(sample("lost.npz"), "lost_after=4000");
  CHECK(holds(kept, "What was finished is kept in " + file("lost.npz.partial") +
                        "; the same command then continues where this one stopped"));
  CHECK(holds(works(sample("lost.npz")), "going on from there"));
  CHECK((array_in(file("lost.npz"), "samples").bytes == array_in(file("whole.npz"), "samples").bytes));
}

TEST_CASE("sample and log-prob share their work among all GPUs, and other commands say what they can do",
          "[pretend][program][devices]") {
  const TemporaryFolder folder;
  const auto file = [&](const std::string& name) { return folder.file(name); };
  const auto on = [&](const std::string& machine, const std::string& device,
                      std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--device", device});
    return with_plugin(FLUXSBI_PRETEND_PLUGIN, arguments, machine);
  };
  const auto works = [](const Outcome& outcome) {
    INFO(outcome.output);
    CHECK(outcome.code == 0);
    return outcome.output;
  };
  io::write_text(file("tiny.yaml"), tiny_config());
  const std::vector<std::string> train{"train",     file("tiny.yaml"), "-o",
                                       file("run"), "--set",           "training.nsteps=20"};
  const Outcome refused = on("devices=3", "cuda:all", train);
  INFO(refused.output);
  CHECK(refused.code == 1);
  CHECK(holds(refused.output,
              "--device cuda:all: this command computes on one GPU; name it, as in --device cuda:0. Training "
              "uses several as one process a GPU, started by mpirun or torchrun"));
  CHECK_FALSE(std::filesystem::exists(file("run")));
  works(on("devices=1", "cuda:all", train));  // one GPU is that GPU

  io::write_text(file("x.csv"), "x_0,x_1\n0.1,0.2\n-0.3,0.4\n");
  const auto sample = [&](const std::string& out) {
    return std::vector<std::string>{"sample", file("run"), "--x",  file("x.csv"), "-n", "230", "--steps",
                                    "4",      "--solver",  "heun", "--chunk",     "20", "-o",  file(out),
                                    "--seed", "1"};
  };
  works(on("devices=3", "cuda", sample("one.npz")));
  const std::string said = works(on("devices=3", "cuda:all", sample("all.npz")));
  CHECK(holds(said, "3 devices share the work, chunk by chunk: pretend:0, pretend:1, pretend:2"));
  CHECK((array_in(file("all.npz"), "samples").bytes == array_in(file("one.npz"), "samples").bytes));

  const Outcome lost = on("devices=3,lost_device=1,lost_after=2000", "cuda:all", sample("lost.npz"));
  INFO(lost.output);
  CHECK(lost.code == 1);
  CHECK(holds(lost.output, "error: the GPU has failed (CUDA error: unspecified launch failure)"));
  CHECK(holds(lost.output, "What was finished is kept in " + file("lost.npz.partial")));
  CHECK(holds(works(on("devices=2", "cuda:all", sample("lost.npz"))), "going on from there"));
  CHECK((array_in(file("lost.npz"), "samples").bytes == array_in(file("one.npz"), "samples").bytes));

  const Outcome none = on("old_driver", "cuda:all", sample("none.npz"));
  CHECK(none.code == 1);
  CHECK(holds(none.output, "--device cuda:all: CUDA cannot be used: the NVIDIA driver supports CUDA 12.2"));

  // The second process of a machine takes its second GPU, so that a lost first one is nothing to it.
  const auto second_process = [&](const std::string& device_lost, const std::string& out) {
    std::vector<std::string> words{"env",
                                   "OMPI_COMM_WORLD_RANK=1",
                                   "OMPI_COMM_WORLD_SIZE=2",
                                   "OMPI_COMM_WORLD_LOCAL_RANK=1",
                                   "FLUXSBI_DEVICE_PLUGIN=" + std::string(FLUXSBI_PRETEND_PLUGIN),
                                   "FLUXSBI_PRETEND=lost_after=1,lost_device=" + device_lost,
                                   FLUXSBI_PROGRAM};
    const std::vector<std::string> command = sample(out);
    words.insert(words.end(), command.begin(), command.end());
    words.insert(words.end(), {"--shard", "auto", "--device", "cuda"});
    return run_words(words).code;
  };
  CHECK(second_process("0", "part.npz") == 0);
  CHECK(std::filesystem::exists(file("part.1-of-2.npz")));
  CHECK(second_process("1", "other.npz") == 1);

  const auto densities = [&](const std::string& out) {
    return std::vector<std::string>{"log-prob",    file("run"), "--theta", file("one.npz"), "--x",
                                    file("x.csv"), "--solver",  "heun",    "--steps",       "3",
                                    "--chunk",     "20",        "-o",      file(out)};
  };
  works(on("", "cuda", densities("one_d.npz")));
  works(on("", "cuda:all", densities("all_d.npz")));
  CHECK((array_in(file("all_d.npz"), "log_prob").bytes == array_in(file("one_d.npz"), "log_prob").bytes));
}

}  // namespace
}  // namespace fluxsbi::test
