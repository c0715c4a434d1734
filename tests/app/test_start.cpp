// The programs, fluxsbi and fluxsbi-network, do what a fork of the tests does: most other cases run forks.
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "app/expect.hpp"
#include "checkpoint/model_file.hpp"
#include "io/atomic_file.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

using Words = std::vector<std::string>;

// Runs commands both ways.
struct BothWays {
  std::string file(const std::string& name) const { return folder.file(name); }
  std::string forked(const std::string& name) const { return file("fork_" + name); }
  std::string started(const std::string& name) const { return file("program_" + name); }

  /// `words` and -o NAME, each way into a file or folder of its own.
  void write(Words words, const std::string& name) const {
    INFO(words.front());
    words.insert(words.end(), {"-o", forked(name)});
    succeed(words);
    words.back() = started(name);
    succeed(words, Start::program);
  }
  /// The same of a command whose file holds the same bytes each time.
  void write_same(const Words& words, const std::string& name, const std::string& inside = "") const {
    write(words, name);
    INFO(words.front());
    const std::string bytes = read_file(forked(name) + inside);
    CHECK_FALSE(bytes.empty());
    CHECK((bytes == read_file(started(name) + inside)));
  }
  /// The same of a run, whose other files tell of the time.
  void train_same(const Words& words, const std::string& name) const {
    write(words, name);
    const auto a = checkpoint::load_model(forked(name) + "/model.safetensors"),
               b = checkpoint::load_model(started(name) + "/model.safetensors");
    REQUIRE_FALSE(a.weights.empty());
    for (const auto& [tensor, array] : a.weights) {
      INFO(tensor);
      REQUIRE((array.bytes == b.weights.at(tensor).bytes));
    }
  }
  void say_same(const Words& words) const {
    INFO(words.front());
    const std::string said = succeed(words);
    CHECK_FALSE(said.empty());
    CHECK(said == succeed(words, Start::program));
  }
  void fail_same(const Words& words) const {
    const Outcome fork = run(words), program = run(words, Start::program);
    CHECK(fork.code == 1);
    CHECK(program.code == 1);
    CHECK_FALSE(fork.output.empty());
    CHECK(fork.output == program.output);
  }

  TemporaryFolder folder;
};

TEST_CASE("the program does what a fork of the tests does: commands without a network", "[app][start]") {
  const BothWays both;
  const Words simulate{"simulate", "two_moons", "-n", "60", "--seed", "3"};
  both.write_same(simulate, "draws.npz");
  const auto draws = [&](const std::string& name, int step) {
    std::string text = "theta_0,theta_1\n";
    for (int i = 0; i < 60; ++i)
      text += std::to_string(0.01 * ((i * step) % 97)) + "," + std::to_string(0.01 * ((i * i) % 89)) + "\n";
    io::write_text(both.file(name), text);
    return both.file(name);
  };
  const std::string samples = draws("samples.csv", 31), others = draws("others.csv", 7);
  both.say_same({"summary", samples});
  both.write_same({"export", samples}, "posterior.npz");
  both.write_same({"plot", samples}, "posterior.svg");
  both.write_same({"simulate", "two_moons", "--theta", samples, "--seed", "1"}, "predictive.npz");
  const auto score = [&](Start start) {
    const std::string said = succeed({"c2st", others, samples, "--json"}, start);
    return said.substr(0, said.find("\"seconds\""));
  };
  CHECK(score(Start::fork).starts_with("{\"c2st\":0."));
  CHECK(score(Start::fork) == score(Start::program));
  both.say_same({"info", both.forked("draws.npz")});
  both.fail_same({"summary", both.file("nothing.csv")});
  both.fail_same({"plot", samples, "-o", samples, "--force"});
  both.fail_same({"trian", samples});
  both.fail_same({"export"});
}

TEST_CASE("the program does what a fork of the tests does: training and what follows", "[app][start]") {
  const BothWays both;
  io::write_text(both.file("tiny.yaml"), tiny_config());
  io::write_text(both.file("x.csv"), "x_0,x_1\n0.1,0.2\n-0.1,0.3\n");
  const std::string x = both.file("x.csv"), run = both.forked("run");
  both.train_same({"train", both.file("tiny.yaml"), "--set", "training.nsteps=40"}, "run");
  both.write_same({"sample", run, "--x", x, "-n", "20"}, "samples.npz");
  const std::string samples = both.forked("samples.npz");
  both.write_same({"log-prob", run, "--theta", samples, "--solver", "heun", "--steps", "4"}, "density.npz");
  both.write_same({"map", run, "--x", x, "-n", "10", "--top", "2"}, "modes.npz");
  both.write({"report", run, "--samples", samples, "--row", "0"}, "report.html");
  both.write_same({"sample", run, "--x", x, "-n", "20", "--shard", "0/2"}, "part_0.npz");
  succeed({"sample", run, "--x", x, "-n", "20", "--shard", "1/2", "-o", both.file("part_1.npz")});
  both.write_same({"merge", both.forked("part_0.npz"), both.file("part_1.npz")}, "merged.npz");
  both.fail_same({"sample", run, "--x", both.file("nothing.csv"), "-n", "5", "-o", both.file("none.npz")});
}

TEST_CASE("the program does what a fork of the tests does: other commands with a network", "[app][start]") {
  const BothWays both;
  io::write_text(both.file("tiny.yaml"), tiny_config());
  const std::string run = both.file("run");
  succeed({"train", both.file("tiny.yaml"), "--set", "training.nsteps=20", "-o", run});
  both.train_same({"distill", run, "--evaluations", "2", "--set", "training.nsteps=10"}, "student");
  both.write_same({"diagnose", run, "sbc", "--pairs", "20", "-n", "19"}, "diagnosis", "/sbc.json");
  both.write_same({"recommend", "--task", "two_moons"}, "recommended.yaml");
  const std::string fixtures = std::string(FLUXSBI_SOURCE_DIR) + "/tests/data/golden/gensbi_export/";
  both.write_same(
      {"import", "gensbi", fixtures + "flux1_rope1d_ema.safetensors", "--obs-dim", "2", "--cond-dim", "2"},
      "imported.safetensors");
  succeed({"simulate", "two_moons", "-n", "50", "-o", both.file("data.npz")});
  both.say_same({"check", "--data", both.file("data.npz")});
  succeed({"compare", run, both.forked("student"), "--pairs", "10", "-n", "9"}, Start::program);
  both.say_same({"resume", run});
}

}  // namespace
}  // namespace fluxsbi::test
