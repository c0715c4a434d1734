// Joint models as a user meets them: trained, resumed, asked for any conditional.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "app/expect.hpp"
#include "checkpoint/model_file.hpp"
#include "io/atomic_file.hpp"
#include "io/files.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

// As of conditional models: batched products of other sizes round differently.
constexpr float joint_chunk_tolerance = 1e-4f;

using Shape = std::vector<int64_t>;

float largest_difference(const io::Array& a, const io::Array& b) {
  REQUIRE(a.shape == b.shape);
  const auto left = a.to_float(), right = b.to_float();
  float largest = 0;
  for (size_t i = 0; i < left.size(); ++i) largest = std::max(largest, std::abs(left[i] - right[i]));
  return largest;
}

// A run of a joint model that was trained for a few steps.
struct TrainedJoint {
  explicit TrainedJoint(const std::string& model, std::vector<std::string> extra = {}) {
    io::write_text(folder.file("tiny.yaml"), tiny_joint_config(model));
    std::vector<std::string> words{"train", folder.file("tiny.yaml"), "-o", run, "-q"};
    words.insert(words.end(), extra.begin(), extra.end());
    succeed(words);
  }
  std::vector<std::string> sample(const std::string& out, std::vector<std::string> extra) const {
    std::vector<std::string> words{"sample", run, "-n", "6", "--seed", "11", "-o", folder.file(out)};
    words.insert(words.end(), extra.begin(), extra.end());
    return words;
  }

  TemporaryFolder folder;
  std::string run = folder.file("run");
};

TEST_CASE("a joint model that was stopped and resumed is the one that was not", "[app][joint][resume]") {
  const std::string model = GENERATE(std::string("flux1joint"), std::string("simformer"));
  const TrainedJoint whole(model, {"--set", "training.nsteps=40"});
  const TrainedJoint parts(model, {"--set", "training.nsteps=40"});
  // As if the run had been killed after step 20.
  std::filesystem::remove(parts.run + "/model.safetensors");
  std::filesystem::remove(parts.run + "/checkpoints/step_00000040.safetensors");
  succeed({"resume", parts.run});
  const auto one = checkpoint::load_model(whole.run + "/model.safetensors"),
             other = checkpoint::load_model(parts.run + "/model.safetensors");
  CHECK(one.validation_loss == other.validation_loss);
  for (const auto& [name, weight] : one.weights) CHECK((weight.bytes == other.weights.at(name).bytes));
}

TEST_CASE("one joint model answers x, any blanks, and nothing given", "[app][joint]") {
  const std::string model = GENERATE(std::string("flux1joint"), std::string("simformer"));
  const TrainedJoint trained(model);
  const auto file = [&](const std::string& name) { return trained.folder.file(name); };
  succeed({"simulate", "two_moons", "-n", "3", "-o", file("x.npz")});
  succeed(trained.sample("posterior.npz", {"--x", file("x.npz")}));
  CHECK(array_in(file("posterior.npz"), "samples").shape == Shape{3, 6, 2});
  CHECK(array_in(file("posterior.npz"), "x").shape == Shape{3, 2});

  io::write_text(file("q.csv"), "x_1,theta_0,x_0,theta_1\n,0.25,0.5,\n0.1,,,NA\n,,,\n-0.2,0.3,0.1,nan\n");
  succeed(trained.sample("all.npz", {"--given", file("q.csv")}));
  const auto samples = array_in(file("all.npz"), "samples");
  CHECK(samples.shape == Shape{4, 6, 4});
  CHECK(array_in(file("all.npz"), "filled").shape == Shape{4, 6});
  const auto values = samples.to_float(), given = array_in(file("all.npz"), "given").to_float();
  REQUIRE(given.size() == 16);
  for (size_t i = 0; i < values.size(); ++i) {
    const float asked = given[i / 24 * 4 + i % 4];
    CHECK((std::isnan(asked) ? std::isfinite(values[i]) : values[i] == asked));
  }
  for (const std::string i : {"0", "1", "2"})
    succeed(trained.sample("shard" + i + ".npz",
                           {"--given", file("q.csv"), "--shard", i + "/3", "--chunk", "7"}));
  succeed({"merge", file("shard2.npz"), file("shard0.npz"), file("shard1.npz"), "-o", file("merged.npz")});
  CHECK(largest_difference(array_in(file("merged.npz"), "samples"), samples) < joint_chunk_tolerance);

  succeed(trained.sample("joint.npz", {}));
  CHECK(array_in(file("joint.npz"), "samples").shape == Shape{1, 6, 4});
  CHECK(holds(succeed({"info", file("all.npz")}), "given"));
  succeed({"plot", file("all.npz"), "--row", "0", "-o", file("row.png")});
}

TEST_CASE("a joint model learns theta alone from data without x", "[app][joint]") {
  const std::string model = GENERATE(std::string("flux1joint"), std::string("simformer"));
  const TemporaryFolder data;
  std::vector<float> theta(600);
  for (size_t i = 0; i < theta.size(); ++i) theta[i] = static_cast<float>((i * 7919) % 1000) / 500.0f - 1.0f;
  io::save_arrays(data.file("theta.npz"),
                  {{"theta", io::Array::from(std::span<const float>(theta), {200, 3})}});
  const TrainedJoint trained(model, {"--data", data.file("theta.npz")});
  const std::string said = succeed(trained.sample("out.npz", {}));
  CHECK(holds(said, "theta_0, theta_1, theta_2"));
  CHECK(array_in(trained.folder.file("out.npz"), "samples").shape == Shape{1, 6, 3});
  CHECK(holds(succeed({"info", trained.run}), "trained without x"));
  refuses(trained.sample("no.npz", {"--x", data.file("theta.npz")}), "was trained without x");
  io::write_text(trained.folder.file("q.csv"), "theta_1\n0.5\n");
  refuses(trained.sample("no.npz", {"--given", trained.folder.file("q.csv")}), "joint distribution of theta");
}

TEST_CASE("questions that a joint model cannot answer are refused", "[app][joint][mistake]") {
  const TrainedJoint trained("flux1joint", {"--set", "condition_mask.kind=posterior"});
  const auto file = [&](const std::string& name) { return trained.folder.file(name); };
  const auto asks = [&](const std::string& text) {
    io::write_text(file("q.csv"), text);
    return trained.sample("no.npz", {"--given", file("q.csv")});
  };
  refuses(asks("theta_0,x_0\n,0.5\n"), "condition_mask.kind = posterior");
  refuses(trained.sample("no.npz", {}), "condition_mask.kind = posterior");
  refuses(asks("theta_O,x_0\n,0.5\n"), "did you mean 'theta_0'");
  refuses(asks("theta_0,theta_1,x_0,x_1\n,,1,2\n0.1,0.2,1,2\n"), "row 1 (counted from 0) has no blank cell");
  refuses(asks("theta_0,x_0\n,half\n"), "'half'");
  refuses(asks("theta_0,x_0\n2.5,\n"), "row 0 (counted from 0) has theta_0 = 2.5");
  auto both = asks("x_0,x_1\n1,2\n");
  both.insert(both.end(), {"--x", file("q.csv")});
  refuses(both, "give --x or --given, not both");
  CHECK_FALSE(std::filesystem::exists(file("no.npz")));
  succeed(asks("x_0,x_1\n1,2\n"));
}

TEST_CASE("a model of theta given x has no answer to blanks, and needs x", "[app][joint][mistake]") {
  const TemporaryFolder folder;
  io::write_text(folder.file("tiny.yaml"), tiny_config());
  succeed({"train", folder.file("tiny.yaml"), "-o", folder.file("run"), "-q", "--set", "training.nsteps=20"});
  io::write_text(folder.file("q.csv"), "theta_0,x_0\n,1\n");
  const std::vector<std::string> sample{"sample", folder.file("run"),    "-n", "3",
                                        "-o",     folder.file("out.npz")};
  auto given = sample;
  given.insert(given.end(), {"--given", folder.file("q.csv")});
  refuses(given,
          "cannot infer blank cells: it was trained for theta given x; use --x, or train flux1joint or "
          "simformer");
  refuses(sample, "--x is missing");
  std::vector<float> theta(100, 0.5f);
  for (size_t i = 0; i < theta.size(); ++i) theta[i] = static_cast<float>(i % 7);
  io::save_arrays(folder.file("theta.npz"),
                  {{"theta", io::Array::from(std::span<const float>(theta), {50, 2})}});
  refuses({"train", folder.file("tiny.yaml"), "--data", folder.file("theta.npz"), "-o", folder.file("no")},
          "the data hold no x");
  CHECK_FALSE(std::filesystem::exists(folder.file("no")));
}

TEST_CASE("condition masks that cannot be are refused before any work", "[app][joint][mistake]") {
  const TemporaryFolder folder;
  io::write_text(folder.file("tiny.yaml"), tiny_joint_config("simformer"));
  const auto train = [&](std::vector<std::string> settings) {
    std::vector<std::string> words{"train", folder.file("tiny.yaml"), "-o", folder.file("run")};
    for (const auto& setting : settings) words.insert(words.end(), {"--set", setting});
    return words;
  };
  refuses(train({"condition_mask.joint=-1"}), "condition_mask.joint must be");
  refuses(train({"condition_mask.joint=0", "condition_mask.posterior=0", "condition_mask.likelihood=0",
                 "condition_mask.random_low=0", "condition_mask.random_high=0"}),
          "all 0");
  std::vector<float> theta(100);
  for (size_t i = 0; i < theta.size(); ++i) theta[i] = static_cast<float>(i % 7);
  io::save_arrays(folder.file("theta.npz"),
                  {{"theta", io::Array::from(std::span<const float>(theta), {50, 2})}});
  auto likelihood = train({"condition_mask.kind=likelihood"});
  likelihood.insert(likelihood.end(), {"--data", folder.file("theta.npz")});
  refuses(likelihood, "nothing is left to infer");
  CHECK_FALSE(std::filesystem::exists(folder.file("run")));
}

}  // namespace
}  // namespace fluxsbi::test
