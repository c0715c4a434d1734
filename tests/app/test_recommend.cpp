// The recipe as a config: what is printed trains, and `strategy.model: auto` follows the same rules.
#include <catch2/catch_test_macros.hpp>

#include "app/expect.hpp"
#include "core/philox.hpp"
#include "io/files.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

// Random simulations of these numbers of variables.
void save_data(const std::string& path, int64_t obs, int64_t cond) {
  constexpr int64_t rows = 30;
  core::Philox random(1, core::Purpose::test);
  const auto side = [&](int64_t width) {
    std::vector<float> values(static_cast<size_t>(rows * width));
    for (float& value : values) value = static_cast<float>(random.normal());
    return io::Array::from(std::span<const float>(values), {rows, width});
  };
  io::save_arrays(path, {{"theta", side(obs)}, {"x", side(cond)}});
}

// What makes a training of any size one of seconds.
const std::vector<std::string> few_steps{"-q",
                                         "--set",
                                         "training.nsteps=2",
                                         "training.batch_size=2",
                                         "training.val_every=2",
                                         "data.validation_fraction=0.1"};

Outcome train(std::vector<std::string> words) {
  words.insert(words.begin(), "train");
  words.insert(words.end(), few_steps.begin(), few_steps.end());
  return run(words);
}

TEST_CASE("recommended configs train as they stand, for few simulations and many dimensions",
          "[app][recommend]") {
  const TemporaryFolder folder;
  struct Case {
    int64_t obs, cond;
    std::string rule, model;
  };
  for (const Case& one :
       {Case{5, 6, "recipe.few-simulations", "flux1joint"}, Case{8, 9, "recipe.default", "flux1"},
        Case{12, 104, "recipe.many-dimensions", "flux1"}}) {
    const std::string name = folder.file(std::to_string(one.obs));
    save_data(name + ".npz", one.obs, one.cond);
    const Outcome told = run({"recommend", "--data", name + ".npz", "-o", name + ".yaml"});
    INFO(told.output);
    REQUIRE(told.code == 0);
    const std::string config = read_file(name + ".yaml");
    INFO(config);
    CHECK(holds(config, "[" + one.rule + "]"));
    CHECK(holds(config, "model: " + one.model));
    CHECK(holds(config, "flux1.many-data") == (one.cond > 100));
    CHECK(holds(config, "network: residual_mlp") == (one.cond > 100));
    const Outcome trained = train({name + ".yaml", "-o", name + "_run"});
    INFO(trained.output);
    CHECK(trained.code == 0);
  }
}

TEST_CASE("another model may be asked for, and its config trains too", "[app][recommend]") {
  const TemporaryFolder folder;
  save_data(folder.file("data.npz"), 2, 2);
  const Outcome told = run(
      {"recommend", "--data", folder.file("data.npz"), "--model", "simformer", "-o", folder.file("c.yaml")});
  INFO(told.output);
  REQUIRE(told.code == 0);
  CHECK(holds(read_file(folder.file("c.yaml")), "you chose it; the rules choose flux1"));
  CHECK(train({folder.file("c.yaml"), "-o", folder.file("run")}).code == 0);
  CHECK(run({"recommend", "--data", folder.file("data.npz"), "--model", "fluks"}).code == 1);
  CHECK(run({"recommend", "--data", folder.file("absent.npz")}).code == 1);
  CHECK(run({"recommend", "--data", "a.npz", "--task", "two_moons"}).code == 1);
  const Outcome rules = run({"recommend"});
  CHECK(rules.code == 0);
  CHECK(holds(rules.output, "simformer.width"));
}

TEST_CASE("what the data need is said to recommend, and stands in its config", "[app][recommend]") {
  const TemporaryFolder folder;
  core::Philox random(2, core::Purpose::test);
  std::string table = "mass,spin,flux,width,note\n";
  for (int i = 0; i < 30; ++i) {
    for (int j = 0; j < 4; ++j) table += std::to_string(random.normal()) + ",";
    table += i == 3 ? "bad\n" : "good\n";
  }
  write_file(folder.file("t.csv"), table);
  const std::vector<std::string> set{"--set", "data.names.theta=[mass, spin]", "data.ignore=[note]",
                                     "data.nan=drop"};
  std::vector<std::string> words{"recommend", "--data", folder.file("t.csv"), "-o", folder.file("c.yaml")};
  words.insert(words.end(), set.begin(), set.end());
  succeed(words);
  const std::string config = read_file(folder.file("c.yaml"));
  INFO(config);
  CHECK(holds(config, "  nan: drop"));
  CHECK(holds(config, "  names:\n    theta:"));
  CHECK(train({folder.file("c.yaml"), "-o", folder.file("run")}).code == 0);
  words = {"check", "-q", "--data", folder.file("t.csv")};
  words.insert(words.end(), set.begin(), set.end());
  const std::string checked = succeed(words);
  CHECK(holds(checked, "spin"));
  CHECK(holds(checked, "width"));
  refuses({"recommend", "--task", "two_moons", "--set", "training.nstep=3"}, "did you mean 'nsteps'");
}

TEST_CASE("auto chooses by the data, says by which rule, and is resolved in the run's config",
          "[app][recommend]") {
  const TemporaryFolder folder;
  save_data(folder.file("data.npz"), 2, 2);
  write_file(folder.file("auto.yaml"), "strategy: {model: auto}\n");
  const Outcome trained =
      run({"train", folder.file("auto.yaml"), "--data", folder.file("data.npz"), "-o", folder.file("run"),
           "--set", "training.nsteps=2", "training.batch_size=2", "data.validation_fraction=0.1"});
  INFO(trained.output);
  REQUIRE(trained.code == 0);
  CHECK(holds(trained.output, "auto chose flux1 [recipe.few-dimensions]"));
  CHECK(holds(read_file(folder.file("run/config.yaml")), "model: \"flux1\""));
  CHECK(run({"resume", folder.file("run"), "--steps", "4", "-q"}).code == 0);

  const Outcome without_data = run({"train", folder.file("auto.yaml")});
  CHECK(without_data.code == 1);
  CHECK(holds(without_data.output, "no data are named"));
  write_file(folder.file("keys.yaml"), "strategy: {model: auto}\nmodel: {num_layers: 4}\n");
  const Outcome other =
      run({"train", folder.file("keys.yaml"), "--data", folder.file("data.npz"), "-o", folder.file("other")});
  CHECK(other.code == 1);
  CHECK(holds(other.output, "keys.yaml:2:9: unknown key 'model.num_layers'"));
  CHECK(holds(other.output, "auto chose flux1 "));
}

}  // namespace
}  // namespace fluxsbi::test
