// log p(x) of joint models, and the Bayes factor of two simulators.
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "app/expect.hpp"
#include "app/program.hpp"
#include "core/philox.hpp"
#include "io/atomic_file.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

// theta ~ N(0, 1) and x = shift + theta + N(0, noise^2), which makes x ~ N(shift, 1 + noise^2).
std::string simulations(double shift, double noise) {
  std::string text = "theta_0,x_0\n";
  core::Philox random(7, core::Purpose::test);
  for (int i = 0; i < 4000; ++i) {
    const double theta = random.normal();
    text += std::to_string(theta) + "," + std::to_string(shift + theta + noise * random.normal()) + "\n";
  }
  return text;
}

double exact(double x, double shift, double noise) {
  const double variance = 1 + noise * noise;
  return -(x - shift) * (x - shift) / (2 * variance) - std::log(2 * std::numbers::pi * variance) / 2;
}

struct TwoSimulators {
  TemporaryFolder folder;

  TwoSimulators() {
    std::string config = tiny_joint_config("flux1joint");
    const std::string task = "data: {task: two_moons, simulations: 2000}\n";
    config.replace(
        config.find(task), task.size(),
        "optimizer: {max_lr: 3.0e-3, warmup_steps: 50}\n"
        "condition_mask: {kind: structured, joint: 0.5, posterior: 0.5, likelihood: 0, random_low: "
        "0, random_high: 0}\n");
    io::write_text(at("joint.yaml"), config);
    io::write_text(at("near.csv"), simulations(0, 0.5));
    io::write_text(at("far.csv"), simulations(2, 1));
    for (const std::string name : {"near", "far"})
      succeed({"train", at("joint.yaml"), "--data", at(name + ".csv"), "-o", at(name), "-q", "--set",
               "training.nsteps=1500", "training.batch_size=128"});
    io::write_text(at("x.csv"), "x_0\n-0.5\n3\n0.8\n");
  }
  std::string at(const std::string& name) const { return folder.file(name); }
};

}  // namespace

TEST_CASE("log p(x) of two joint models and their Bayes factor are those of the closed form",
          "[app][evidence]") {
  const TwoSimulators models;
  const auto said = run({"compare", models.at("near"), models.at("far"), "--x", models.at("x.csv"), "--json",
                         "-q", "-n", "20"});
  INFO(said.output);
  REQUIRE(said.code == 0);
  const auto table = nlohmann::json::parse(said.output.substr(said.output.find("{\"rows\"")));
  const std::vector<double> x{-0.5, 3, 0.8};
  for (size_t row = 0; row < x.size(); ++row) {
    CAPTURE(row);
    const double near = exact(x[row], 0, 0.5), far = exact(x[row], 2, 1);
    const auto& found = table["rows"][row];
    // A minute network of 1,500 steps: errors of 0.02 to 0.21 were seen.
    const double tolerance = std::abs(x[row]) < 2 ? 0.35 : 0.7;
    CHECK(std::abs(found["models"][0]["log_evidence"].get<double>() - near) < tolerance);
    CHECK(std::abs(found["models"][1]["log_evidence"].get<double>() - far) < tolerance);
    if (std::abs(near - far) < 0.7) continue;
    CHECK(found["best"] == models.at(near > far ? "near" : "far"));
    CHECK(found["log_bayes_factor"] > 0);
  }
  CHECK(holds(succeed({"compare", models.at("near"), models.at("far"), "--x", models.at("x.csv"), "-n", "5"}),
              "ln Bayes factor over the next"));
}

TEST_CASE("an observation that is unlike the data of every model is told", "[app][evidence]") {
  const TwoSimulators models;
  io::write_text(models.at("x.csv"), "x_0\n0\n90\n");
  const auto said =
      run({"compare", models.at("near"), models.at("far"), "--x", models.at("x.csv"), "-n", "5"});
  INFO(said.output);
  CHECK(said.code == 0);
  CHECK(holds(said.output, "unlike the training data of every model: row 1"));
}

TEST_CASE("what cannot be compared by an observation is refused", "[app][evidence]") {
  const TemporaryFolder folder;
  io::write_text(folder.file("tiny.yaml"), tiny_config());
  io::write_text(folder.file("x.csv"), "x_0,x_1\n0.1,0.2\n");
  for (const std::string name : {"a", "b"})
    succeed({"train", folder.file("tiny.yaml"), "-o", folder.file(name), "-q", "--set", "training.nsteps=5"});
  const auto refuse = [&](std::vector<std::string> words, const std::string& part) {
    words.insert(words.begin(), "compare");
    words.insert(words.end(), {"--x", folder.file("x.csv")});
    refuses(words, part);
  };
  refuse({folder.file("a"), folder.file("b")}, "has learned theta given x alone");
  refuse({folder.file("a")}, "compare needs two models or more");
  refuse({folder.file("a"), folder.file("a")}, "twice");
  refuse({folder.file("a"), folder.file("b"), "--simulations", "10"}, "leave one of them out");
}

}  // namespace fluxsbi::test
