// From a drop rate in the config to guided samples, and the coupling of noise and data.
#include <cmath>
#include <filesystem>

#include <catch2/catch_test_macros.hpp>

#include "app/expect.hpp"
#include "core/philox.hpp"
#include "io/array.hpp"
#include "io/atomic_file.hpp"
#include "io/files.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

void save(const std::string& path, const std::vector<float>& theta, const std::vector<float>& x) {
  io::Arrays arrays;
  const auto column = [](const std::vector<float>& values) {
    return io::Array::from(std::span<const float>(values), {static_cast<int64_t>(values.size()), 1});
  };
  if (!theta.empty()) arrays["theta"] = column(theta);
  arrays["x"] = column(x);
  io::save_arrays(path, arrays);
}

// x is standard normal, theta = x + 0.3 e.
void save_simulations(const std::string& path) {
  core::Philox random(3, core::Purpose::test, 0);
  std::vector<float> theta, x;
  for (int64_t i = 0; i < 4000; ++i) {
    x.push_back(static_cast<float>(random.normal()));
    theta.push_back(x.back() + 0.3f * static_cast<float>(random.normal()));
  }
  save(path, theta, x);
}

struct GuidedMoments {
  double mean = 0, deviation = 0;
};
GuidedMoments moments_of(const std::string& path) {
  const auto values = io::load_arrays(path).arrays.at("samples").to_float();
  GuidedMoments moments;
  for (const float v : values) moments.mean += v / static_cast<double>(values.size());
  for (const float v : values) moments.deviation += std::pow(v - moments.mean, 2);
  moments.deviation = std::sqrt(moments.deviation / static_cast<double>(values.size()));
  return moments;
}

TEST_CASE("a model trained with a drop rate draws the posterior, the prior, and guided samples",
          "[app][guidance]") {
  const TemporaryFolder folder;
  io::write_text(folder.file("tiny.yaml"), tiny_config());
  save_simulations(folder.file("data.npz"));
  save(folder.file("x.npz"), {}, {1.5f});
  const std::vector<std::string> train{
      "train", folder.file("tiny.yaml"), "--data", folder.file("data.npz"),
      "--set", "optimizer.max_lr=0.003", "--set",  "training.batch_size=128"};
  const auto trained = [&](const std::string& name, const std::string& rate, const std::string& steps) {
    auto words = train;
    words.insert(words.end(), {"-o", folder.file(name), "--set", "strategy.condition_drop_rate=" + rate,
                               "--set", "training.nsteps=" + steps});
    const Outcome outcome = run(words);
    INFO(outcome.output);
    REQUIRE(outcome.code == 0);
    return outcome.output;
  };
  CHECK(holds(trained("guided", "0.3", "1500"), "learns a null condition"));
  const auto sample = [&](const std::string& model, const std::vector<std::string>& flags) {
    std::vector<std::string> words{"sample",
                                   folder.file(model),
                                   "--x",
                                   folder.file("x.npz"),
                                   "-n",
                                   "2000",
                                   "-o",
                                   folder.file("s.npz"),
                                   "--force",
                                   "--solver",
                                   "midpoint",
                                   "--steps",
                                   "40",
                                   "--set",
                                   "sampling.spacing=1"};
    words.insert(words.end(), flags.begin(), flags.end());
    return run(words);
  };
  // A tiny network after 1500 steps is near the truth, not at it.
  REQUIRE(holds(sample("guided", {}).output, " 80 network evaluations"));
  const GuidedMoments posterior = moments_of(folder.file("s.npz"));
  CHECK(std::abs(posterior.mean - 1.5) < 0.15);
  CHECK(posterior.deviation < 0.5);
  REQUIRE(holds(sample("guided", {"--guidance-scale", "0"}).output, " 160 network evaluations"));
  const GuidedMoments prior = moments_of(folder.file("s.npz"));
  CHECK(std::abs(prior.mean) < 0.2);
  CHECK(std::abs(prior.deviation - std::sqrt(1.09)) < 0.2);
  // Steps of midpoint from 0 to 1: those with (1 - t) / t from 0.5 to 2 are guided, a third of them.
  const Outcome limited =
      sample("guided", {"--guidance-scale", "3", "--guidance-min", "0.5", "--guidance-max", "2"});
  CHECK(holds(limited.output, " 107 network evaluations"));
  CHECK(moments_of(folder.file("s.npz")).mean > posterior.mean);

  const Outcome crossed =
      sample("guided", {"--guidance-scale", "3", "--guidance-min", "2", "--guidance-max", "1"});
  CHECK(crossed.code == 1);
  CHECK(holds(crossed.output, "sampling.guidance_max must not be below guidance_min = 2"));
  trained("plain", "0", "20");
  const Outcome refused = sample("plain", {"--guidance-scale", "3"});
  CHECK(refused.code == 1);
  CHECK(holds(refused.output, "strategy.condition_drop_rate above 0"));
}

TEST_CASE("what cannot be trained with a drop rate or a coupling is refused before a run is made",
          "[app][guidance][mistake]") {
  const TemporaryFolder folder;
  io::write_text(folder.file("flux1.yaml"), tiny_config());
  io::write_text(folder.file("joint.yaml"), tiny_joint_config("simformer"));
  const auto refuses = [&](const std::string& config, const std::vector<std::string>& settings,
                           const std::string& part) {
    std::vector<std::string> words{"train", folder.file(config), "-o", folder.file("run")};
    for (const auto& setting : settings) words.insert(words.end(), {"--set", setting});
    const Outcome outcome = run(words);
    INFO(outcome.output);
    CHECK(outcome.code == 1);
    CHECK(holds(outcome.output, part));
  };
  refuses("joint.yaml", {"strategy.condition_drop_rate=0.1"}, "simformer has no null condition");
  refuses("flux1.yaml", {"sampling.guidance_scale=2"},
          "train flux1 with strategy.condition_drop_rate above 0");
  refuses("joint.yaml", {"strategy.coupling=optimal_transport"}, "needs a model of theta given x");
  refuses("flux1.yaml", {"strategy.coupling=optimal_transport", "training.batch_size=1025"},
          "training.batch_size is 1025");
  refuses("flux1.yaml", {"strategy.coupling=nearest"}, "strategy.coupling");
  CHECK_FALSE(std::filesystem::exists(folder.file("run")));
}

TEST_CASE("a run with optimal-transport pairs is the same twice and another than without",
          "[app][coupling]") {
  const TemporaryFolder folder;
  io::write_text(folder.file("tiny.yaml"), tiny_config());
  const auto weights = [&](const std::string& name, const std::string& coupling) {
    REQUIRE(run({"train", folder.file("tiny.yaml"), "-o", folder.file(name), "--set", "training.nsteps=30",
                 "--set", "strategy.coupling=" + coupling})
                .code == 0);
    return read_file(folder.file(name + "/metrics.jsonl"));
  };
  const auto losses = [](std::string lines) {  // without the times
    std::string kept;
    for (size_t at = 0; (at = lines.find("\"train_loss\"", at)) != std::string::npos; ++at) {
      kept += lines.substr(at, lines.find(',', at) - at);
    }
    return kept;
  };
  const std::string paired = losses(weights("one", "optimal_transport"));
  CHECK(paired.size() > 3 * 12);
  CHECK(paired == losses(weights("two", "optimal_transport")));
  CHECK(paired != losses(weights("three", "independent")));
}

}  // namespace
}  // namespace fluxsbi::test
