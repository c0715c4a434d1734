// Samples that a known likelihood corrects, as a user asks for them.
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "app/expect.hpp"
#include "io/atomic_file.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

using Catch::Matchers::WithinAbs;

// theta ~ N(0, 1), x = theta + 0.5 noise: the posterior given x is N(0.8 x, 0.2). The network has hardly
// learnt it.
struct OwnLikelihood {
  TemporaryFolder folder;

  OwnLikelihood() {
    std::string config = tiny_config();
    const std::string task = "data: {task: two_moons, simulations: 2000}";
    config.replace(config.find(task), task.size(),
                   "data: {file: " + at("data.csv") +
                       ", names: {theta: [theta], x: [x]}}\n"
                       "prior: {kind: normal, mean: [0], scale: [1]}");
    io::write_text(at("own.yaml"), config);
    std::string rows = "theta,x\n";
    // Quantiles of the two normal numbers in place of random ones: a plain grid.
    for (int i = 0; i < 40; ++i) {
      for (int j = 0; j < 40; ++j) {
        const auto normal = [](int k) { return 1.4 * std::log((k + 0.5) / (39.5 - k)) / std::sqrt(6.0); };
        rows += std::to_string(normal(i)) + "," + std::to_string(normal(i) + 0.5 * normal(j)) + "\n";
      }
    }
    io::write_text(at("data.csv"), rows);
    succeed({"train", at("own.yaml"), "-o", at("run"), "-q", "--set", "training.nsteps=150"});
    io::write_text(at("x.csv"), "x\n0.5\n-1\n");
    likelihood("NR > 1 { print -2 * ($2 - $1) * ($2 - $1) }");
  }
  std::string at(const std::string& name) const { return folder.file(name); }
  void likelihood(const std::string& program) const {
    io::write_text(at("own_likelihood.yaml"), "likelihood: {command: \"awk -F, '" + program + "'\"}\n");
  }
  std::vector<std::string> corrected(const std::string& out,
                                     const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words{"sample", at("run"), "--x", at("x.csv"), "-n", "2000", "-o", at(out)};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  std::vector<std::string> by_own(const std::string& out, std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"--likelihood", at("own_likelihood.yaml")});
    return corrected(out, more);
  }
};

struct MeanAndDeviation {
  double mean = 0, deviation = 0;
};

MeanAndDeviation of_row(const std::vector<float>& samples, size_t row, size_t draws) {
  double sum = 0, squares = 0;
  for (size_t i = row * draws; i < (row + 1) * draws; ++i) {
    sum += samples[i];
    squares += static_cast<double>(samples[i]) * samples[i];
  }
  const double mean = sum / static_cast<double>(draws);
  return {mean, std::sqrt(squares / static_cast<double>(draws) - mean * mean)};
}

}  // namespace

TEST_CASE("a user's likelihood corrects the draws of a poor network", "[app][corrected]") {
  const OwnLikelihood own;
  for (const std::string choice : {"resample", "metropolis"}) {
    CAPTURE(choice);
    const std::string said = succeed(own.by_own("c.npz", {"--force", "--choose", choice}));
    CHECK(holds(said, "corrected by likelihood.command of"));
    CHECK(holds(said, "Pareto shape"));
    CHECK(holds(said, "a Metropolis chain accepts"));
    const auto samples = samples_in(own.at("c.npz"));
    REQUIRE(samples.size() == 4000);
    for (const size_t row : {0u, 1u}) {
      const auto found = of_row(samples, row, 2000);
      CHECK_THAT(found.mean, WithinAbs(row == 0 ? 0.4 : -0.8, 0.05));  // 0.11 deviations
      CHECK_THAT(found.deviation, WithinAbs(std::sqrt(0.2), 0.04));
    }
  }
  // diagnose says how far the network is off.
  const Outcome outcome = run({"diagnose", own.at("run"), "likelihood", "--x", own.at("x.csv"), "--row", "0",
                               "--likelihood", own.at("own_likelihood.yaml")});
  INFO(outcome.output);
  CHECK((outcome.code == 0 || outcome.code == 2));
  CHECK(holds(outcome.output, "accuracy of the best classifier between draws and posterior"));
}

TEST_CASE("a likelihood that cannot be used is refused before any draw", "[app][corrected]") {
  const OwnLikelihood own;
  const auto wrong = [&](const std::string& program, const std::string& part) {
    own.likelihood(program);
    refuses(own.by_own("w.npz"), part);
    CHECK_FALSE(std::filesystem::exists(own.at("w.npz")));
    CHECK_FALSE(std::filesystem::exists(own.at("w.npz.partial")));
  };
  wrong("NR > 1 { print 1; print 2 }", "wrote at least 2 lines for 1 row");
  wrong("NR > 1 { print 1, 2 }", "a line of 2 numbers");
  wrong("NR > 1 { print \\\"nan\\\" }", "is not a number");
  wrong("BEGIN { exit 3 }", "ended with exit status 3");
  own.likelihood("NR > 1 { print \\\"-inf\\\" }");
  refuses(own.by_own("w.npz"), "no row has 100 effective draws");
  io::write_text(own.at("own_likelihood.yaml"), "likelihood: {comand: awk}\n");
  refuses(own.by_own("w.npz"), "did you mean 'command'");
  io::write_text(own.at("own_likelihood.yaml"), "likelihood: {}\n");
  refuses(own.by_own("w.npz"), "likelihood.command is missing");
  refuses(own.corrected("w.npz", {"--likelihood", "absent.yaml"}), "absent.yaml");
  refuses(own.corrected("w.npz", {"--likelihood", "two_moon"}), "did you mean 'two_moons'");
  refuses(own.corrected("w.npz", {"--likelihood", "two_moons"}), "the task has 2 parameters");
  refuses(own.corrected("w.npz", {"--likelihood", "model"}),
          "--likelihood model: the model knows theta given x");
  own.likelihood("NR > 1 { print 0 }");
  refuses(own.by_own("w.npz", {"--solver", "euler_maruyama"}), "euler_maruyama");
  io::write_text(own.at("prior.yaml"), "prior: {kind: normal, mean: [0], scale: [0.5]}\n");
  refuses(own.by_own("w.npz", {"--prior", own.at("prior.yaml")}),
          "--prior and --likelihood exclude each other");
  refuses(own.by_own("w.npz", {"--min-effective", "100000"}), "no row has 100000 effective draws");
}

TEST_CASE("a task's own likelihood serves, and a joint model's", "[app][corrected][joint]") {
  const TemporaryFolder folder;
  io::write_text(folder.file("joint.yaml"), tiny_joint_config("flux1joint"));
  succeed({"train", folder.file("joint.yaml"), "-o", folder.file("joint"), "-q"});
  io::write_text(folder.file("x.csv"), "x_0,x_1\n0.1,0.2\n");
  const auto sample = [&](const std::string& likelihood) {
    return succeed({"sample", folder.file("joint"), "--x", folder.file("x.csv"), "-n", "100",
                    "--min-effective", "2", "--likelihood", likelihood, "--force", "-o",
                    folder.file("s.npz")});
  };
  CHECK(holds(sample("two_moons"), "corrected by task two_moons, a row's draws are worth"));
  CHECK(holds(sample("model"), "corrected by the model's own p(x | theta)"));
  const Outcome outcome =
      run({"diagnose", folder.file("joint"), "likelihood", "--x", folder.file("x.csv"), "--pairs", "10"});
  INFO(outcome.output);
  CHECK((outcome.code == 0 || outcome.code == 2));
  CHECK(holds(outcome.output, "KL(q || p)"));
}

}  // namespace fluxsbi::test
