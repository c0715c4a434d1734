// Several observations of one theta, as a user asks for them.
#include <cmath>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "app/expect.hpp"
#include "io/atomic_file.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

struct SeveralObservations {
  TemporaryFolder folder;

  SeveralObservations() {
    io::write_text(at("tiny.yaml"), tiny_config());
    succeed({"train", at("tiny.yaml"), "-o", at("run"), "-q", "--set", "training.nsteps=60"});
    io::write_text(at("x.csv"), "x_0,x_1\n0.1,0.2\n-0.1,0.3\n0.4,-0.2\n");
    io::write_text(at("one.csv"), "x_0,x_1\n0.1,0.2\n");
    io::write_text(at("none.csv"), "x_0,x_1\n");
  }
  std::string at(const std::string& name) const { return folder.file(name); }
  std::vector<std::string> together(const std::string& x, const std::string& out,
                                    const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words{"sample", at("run"), "--x",   at(x),       "-n",
                                   "200",    "-o",      at(out), "--together"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
};

}  // namespace

TEST_CASE("observations of one theta give one row of samples, by the seed alone", "[app][together]") {
  const SeveralObservations several;
  const std::string said = succeed(several.together("x.csv", "a.npz"));
  CHECK(holds(said, "putting 3 observations of one theta together"));
  CHECK(array_in(several.at("a.npz"), "samples").shape == std::vector<int64_t>{1, 200, 2});
  succeed(several.together("x.csv", "b.npz"));
  CHECK(samples_in(several.at("a.npz")) == samples_in(several.at("b.npz")));
  for (const float value : samples_in(several.at("a.npz"))) CHECK(std::abs(value) <= 1);
  CHECK(holds(succeed({"info", several.at("a.npz")}), "200"));
  // One observation has the posterior that it always has.
  CHECK(holds(succeed(several.together("one.csv", "one.npz")), "nothing to put together"));
  succeed(
      {"sample", several.at("run"), "--x", several.at("one.csv"), "-n", "200", "-o", several.at("s.npz")});
  CHECK(samples_in(several.at("one.npz")) == samples_in(several.at("s.npz")));
  // Another prior weighs the draws of all observations.
  io::write_text(several.at("half.yaml"), "prior: {kind: box, low: [-1, -1], high: [1, 0.5]}\n");
  succeed(several.together("x.csv", "half.npz", {"--prior", several.at("half.yaml")}));
}

TEST_CASE("what cannot be put together is refused before any work", "[app][together]") {
  const SeveralObservations several;
  refuses(several.together("none.csv", "a.npz"), "none.csv");
  refuses(several.together("x.csv", "a.npz", {"--shard", "0/2"}),
          "--together and --shard exclude each other");
  refuses({"sample", several.at("run"), "--given", several.at("x.csv"), "-n", "5", "-o", several.at("a.npz"),
           "--together"},
          "--together needs --x");
  refuses({"sample", several.at("run"), "--watch", "-", "-n", "5", "--together"},
          "--together and --watch exclude each other");
  refuses(several.together("x.csv", "a.npz", {"--likelihood", "two_moons"}),
          "and --together exclude each other");
  succeed({"simulate", "two_moons", "-n", "500", "-o", several.at("data.npz")});
  std::string config = tiny_config();
  const std::string task = "data: {task: two_moons, simulations: 2000}";
  config.replace(config.find(task), task.size(), "data: {file: " + several.at("data.npz") + "}");
  io::write_text(several.at("own.yaml"), config);
  succeed({"train", several.at("own.yaml"), "-o", several.at("own"), "-q", "--set", "training.nsteps=5"});
  refuses({"sample", several.at("own"), "--x", several.at("x.csv"), "-n", "10", "-o", several.at("a.npz"),
           "--together"},
          "add the section prior to the config and train again");
}

}  // namespace fluxsbi::test
