// `train` without a config, and `train --minutes`.
#include <algorithm>
#include <filesystem>

#include <catch2/catch_test_macros.hpp>

#include "app/expect.hpp"
#include "app/small_recipe.hpp"
#include "checkpoint/model_file.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

// The value of a key that is written in one line of a YAML file.
std::string value_in(const std::string& file, const std::string& key) {
  const std::string text = read_file(file), head = "\n  " + key + ": ";
  const size_t at = text.find(head);
  if (at == std::string::npos) return "";
  const size_t begin = at + head.size();
  return text.substr(begin, text.find('\n', begin) - begin);
}

bool same_weights(const std::string& a, const std::string& b) {
  const auto first = checkpoint::load_model(a + "/model.safetensors").weights,
             second = checkpoint::load_model(b + "/model.safetensors").weights;
  return first.size() == second.size() && std::all_of(first.begin(), first.end(), [&](const auto& entry) {
           return second.at(entry.first).bytes == entry.second.bytes;
         });
}

TEST_CASE("train needs no config, says what it chose and why, and resumes exactly", "[app][recipe]") {
  const TemporaryFolder folder;
  const std::string data = folder.file("data.npz"), whole = folder.file("whole"),
                    parts = folder.file("parts");
  succeed({"simulate", "two_moons", "-n", "200", "-o", data});
  const auto train = [&](const std::string& run, const std::string& steps) {
    return succeed(
        with({"train", "--data", data, "--seed", "3", "-o", run}, with(tiny, {"training.nsteps=" + steps})));
  };
  const std::string said = train(whole, "24");
  for (const char* part :
       {"the recipe for 200 simulations", "model ", "network ", "method flow", "noise levels ",
        "learning rate ", "batch ", "validation ", "early stopping ", "transforms auto", "prior unknown",
        "steps training.nsteps = 24: you chose it; the recipe has"})
    CHECK(holds(said, part));
  CHECK_FALSE(holds(said, "steps a second"));  // the steps are the user's: nothing is measured
  CHECK(value_in(whole + "/config.yaml", "nsteps") == "24");
  CHECK(holds(read_file(whole + "/train.log"), "the recipe for 200 simulations"));

  train(parts, "12");
  succeed({"resume", parts, "--steps", "24", "--restart-rate", "-q"});
  // The warm-up of a run is a tenth of its steps as they were at first, so that schedules differ; the
  // config tells all.
  const std::string again = folder.file("again");
  succeed({"train", whole + "/config.yaml", "-q", "-o", again});
  CHECK(same_weights(whole, again));
  CHECK(value_in(parts + "/config.yaml", "nsteps") == "24");
}

TEST_CASE("a run of the recipe that was stopped goes on to the same bits", "[app][recipe]") {
  const TemporaryFolder folder;
  const std::string whole = folder.file("whole"), parts = folder.file("parts");
  const auto words = [&](const std::string& run) {
    return with({"train", "--task", "two_moons", "-q", "-o", run},
                with(tiny, {"data.simulations=200", "training.nsteps=40", "training.save_every=20"}));
  };
  succeed(words(whole));
  succeed(words(parts));
  std::filesystem::remove(parts + "/model.safetensors");
  std::filesystem::remove(parts + "/checkpoints/step_00000040.safetensors");
  succeed({"resume", parts, "-q"});
  CHECK(same_weights(whole, parts));
}

TEST_CASE("a config with a prior alone is filled by the recipe", "[app][recipe]") {
  const TemporaryFolder folder;
  succeed({"simulate", "two_moons", "-n", "200", "-o", folder.file("data.npz")});
  write_file(folder.file("prior.yaml"), "prior: {kind: box, low: [-1, -1], high: [1, 1]}\n");
  const std::string said = succeed(
      with({"train", folder.file("prior.yaml"), "--data", folder.file("data.npz"), "-o", folder.file("run")},
           with(tiny, {"training.nsteps=4"})));
  CHECK(holds(said, "the recipe for 200 simulations"));
  CHECK(holds(said, "prior known"));
  CHECK(holds(read_file(folder.file("run/config.yaml")), "kind: \"box\""));
  const std::string written =
      succeed({"recommend", folder.file("prior.yaml"), "--data", folder.file("data.npz"), "-q"});
  CHECK(holds(written, "prior:"));
  CHECK(holds(written, "low: [-1, -1]"));
}

TEST_CASE("the steps that --minutes fits stand in the config, which repeats the run to the bit",
          "[app][recipe]") {
  const TemporaryFolder folder;
  succeed({"simulate", "two_moons", "-n", "200", "-o", folder.file("data.npz")});
  const std::string run = folder.file("run"), again = folder.file("again");
  const std::string said =
      succeed(with({"train", "--data", folder.file("data.npz"), "--minutes", "0.05", "-o", run}, tiny),
              Start::program);  // a machine that is fast enough trains an ensemble
  INFO(said);
  CHECK(holds(said, "--minutes 0.05: "));
  CHECK(holds(said, "steps a second"));
  const int steps = std::stoi(value_in(run + "/config.yaml", "nsteps"));
  CHECK(steps >= 200);
  CHECK(std::stoi(value_in(run + "/config.yaml", "warmup_steps")) == std::min(500, steps / 10));
  CHECK(std::stoi(value_in(run + "/config.yaml", "val_every")) <= steps);
  CHECK(checkpoint::load_model(run + "/model.safetensors").step > 0);
  succeed({"train", run + "/config.yaml", "-q", "-o", again}, Start::program);
  CHECK(same_weights(run, again));
}

TEST_CASE("train --minutes fits the steps of a config, and leaves what it says of validation",
          "[app][recipe]") {
  const TemporaryFolder folder;
  std::string config = tiny_config();
  const std::string few = "nsteps: 400", many = "nsteps: 100000000";
  REQUIRE(holds(config, few));
  write_file(folder.file("tiny.yaml"), config.replace(config.find(few), few.size(), many));
  const std::string said = succeed({"train", folder.file("tiny.yaml"), "--minutes", "0.04", "-o",
                                    folder.file("run"), "--set", "optimizer.warmup_steps=1000000"});
  INFO(said);
  CHECK_FALSE(holds(said, "the recipe for"));
  CHECK(holds(said, "optimizer.warmup_steps is longer than the training"));
  CHECK(value_in(folder.file("run/config.yaml"), "val_every") == "50");
  succeed({"resume", folder.file("run"), "-q"});
}

TEST_CASE("what the recipe cannot work with is said before any training", "[app][recipe][errors]") {
  const TemporaryFolder folder;
  const std::string data = folder.file("data.npz"), run = folder.file("run");
  succeed({"simulate", "two_moons", "-n", "200", "-o", data});
  refuses({"train", "-o", run}, "nothing to train on");
  refuses({"train", data, "-o", run}, "fluxsbi train --data " + data);
  refuses({"train", "--data", folder.file("absent.npz"), "-o", run}, "absent.npz");
  refuses({"train", "--data", data, "--task", "two_moons", "-o", run}, "not both");
  refuses({"train", "--task", "two_mons", "-o", run}, "two_moons");
  refuses({"train", "--data", data, "--x-key", "y", "-o", run}, "y");
  refuses({"train", "--data", data, "--set", "training.nstep=3", "-o", run}, "did you mean 'nsteps'");
  refuses({"train", "--data", data, "--minutes", "0", "-o", run}, "--minutes 0: must be above 0");
  refuses({"train", "--data", data, "--minutes", "-3", "-o", run}, "above 0");
  refuses({"train", "--data", data, "--minutes", "nan", "-o", run}, "--minutes");
  refuses({"train", "--data", data, "--minutes", "5", "--set", "training.nsteps=9", "-o", run}, "not both");
  refuses({"train", "--data", data, "--minutes", "0.003", "-o", run}, "teach a network nothing");
  CHECK_FALSE(std::filesystem::exists(run + "/config.yaml"));
  write_file(folder.file("whole.yaml"), tiny_config());
  refuses({"recommend", folder.file("whole.yaml")}, "says what is trained and how already");
}

TEST_CASE("ten rows train, with a warning", "[app][recipe]") {
  const TemporaryFolder folder;
  succeed({"simulate", "two_moons", "-n", "10", "-o", folder.file("data.npz")});
  const std::string said =
      succeed(with({"train", "--data", folder.file("data.npz"), "-o", folder.file("run")},
                   with(tiny, {"training.nsteps=3"})));
  INFO(said);
  CHECK(holds(said, "10 rows"));
  CHECK(holds(said, "warning"));
}

}  // namespace
}  // namespace fluxsbi::test
