// A refinement as a user meets it: stopped and given again, sampled, asked about another observation.
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "app/expect.hpp"
#include "checkpoint/model_file.hpp"
#include "io/atomic_file.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

namespace fs = std::filesystem;

// theta ~ N(0, 1), x = theta + N(0, 0.2^2), a network that learns it in a second, and x = 0.5.
struct Refined {
  Refined() {
    io::write_text(file("noise.awk"),
                   "BEGIN { srand(ENVIRON[\"FLUXSBI_SEED\"] + 0) }\n"
                   "NR > 1 { printf \"%.9g\\n\", $1 + 0.2 * sqrt(-2 * log(1 - rand())) * "
                   "cos(6.283185307 * rand()) }\n");
    io::write_text(
        file("mine.yaml"),
        "simulator: {command: \"awk -F, -f " + file("noise.awk") +
            "\", batch: 50, workers: 1}\n"
            "prior: {kind: normal, mean: [0], scale: [1]}\n"
            "strategy: {method: flow, model: flux1}\n"
            "model: {depth: 1, depth_single_blocks: 1, num_heads: 2, axes_dim: [8], mlp_ratio: 2,\n"
            "        param_dtype: float32, id_embedding_strategy: [absolute, absolute]}\n"
            "optimizer: {max_lr: 3.0e-3}\n"
            "training: {nsteps: 250, batch_size: 64, val_every: 50, save_every: 50, ema_decay: 0.95}\n"
            "data: {validation_fraction: 0.2}\n");
    io::write_text(file("x.csv"), "x_0\n0.5\n");
  }
  std::string file(const std::string& name) const { return folder.file(name); }
  std::vector<std::string> refine(const std::string& out) const {
    return {"refine", file("mine.yaml"), "--x", file("x.csv"), "-o",   file(out), "--rounds",
            "2",      "--simulations",   "200", "--epsilon",   "0.001"};
  }

  TemporaryFolder folder;
};

TEST_CASE("a refinement that a signal stopped goes on by the same command and ends with the same bits",
          "[app][refine]") {
  const Refined refined;
  const std::string said = succeed(refined.refine("whole"));
  CHECK(holds(said, "round 1 of 2: 200 simulations of the whole prior"));
  CHECK(holds(said, "round 2 of 2: 200 simulations of "));
  CHECK(holds(said, "% at 50 / 80 / 95 % (40 held-out pairs)"));
  CHECK_FALSE(holds(said, "theta is not distributed as the prior says"));
  Running stopped(refined.refine("parts"));
  REQUIRE(wait_until([&] { return has_checkpoint(refined.file("parts/rounds/1")); }));
  stopped.send(SIGTERM);
  const int code = stopped.wait();
  CHECK((code == 75 || code == 0));  // 0: it was faster than the signal
  succeed(refined.refine("parts"));
  const auto whole = checkpoint::load_model(refined.file("whole/model.safetensors"));
  const auto parts = checkpoint::load_model(refined.file("parts/model.safetensors"));
  REQUIRE(whole.weights.size() == parts.weights.size());
  for (const auto& [name, array] : whole.weights) {
    INFO(name);
    CHECK(array.bytes == parts.weights.at(name).bytes);
  }
  CHECK(whole.validation_loss == parts.validation_loss);
  CHECK(holds(succeed({"info", refined.file("parts")}), "rounds that have finished 2"));
  // Another program makes another refinement: its rounds would be mixed with those that are there.
  io::write_text(refined.file("noise.awk"), "NR > 1 { print 5 + $1 }\n");
  refuses(refined.refine("parts"), "was begun by another program");
}

TEST_CASE("a refined model warns of other observations than its own", "[app][refine]") {
  const Refined refined;
  succeed(refined.refine("out"));
  io::write_text(refined.file("y.csv"), "x_0\n0.5\n0.6\n");
  std::string model = "out";
  const auto sample = [&](const std::string& x, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{"sample", refined.file(model),   "--x",    refined.file(x), "-n", "20",
                                   "-o",     refined.file("s.npz"), "--force"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  };
  REQUIRE(holds(read_file(refined.file("out/rounds/2/region.json")), "density"));
  CHECK_FALSE(holds(sample("x.csv").output, "refined for"));
  const Outcome other = sample("y.csv");
  CHECK(other.code == 0);
  CHECK(holds(other.output, "1 row of 2 is not the observation that this model was refined for"));
  CHECK(sample("y.csv", {"--strict"}).code == 2);
  // The run folder of a round beyond the first, and a student, know no more.
  succeed(
      {"distill", refined.file("out"), "-q", "-o", refined.file("student"), "--set", "training.nsteps=2"});
  for (const char* const heir : {"out/rounds/2", "student"}) {
    INFO(heir);
    model = heir;
    CHECK(holds(sample("y.csv").output, "1 row of 2 is not the observation that this model was refined for"));
    CHECK_FALSE(holds(sample("x.csv").output, "refined for"));
  }
  // s.npz is the student's, of x.csv: now of y.csv, as the page tells its reader.
  sample("y.csv");
  for (const std::string from : {"--x", "--samples"}) {
    const std::string page = refined.file("page.html");
    succeed({"report", refined.file("student"), from, refined.file(from == "--x" ? "y.csv" : "s.npz"),
             "--row", "1", "-o", page, "--force"});
    CHECK(holds(read_file(page), "This is not the observation that the model was refined for"));
  }
  model = "out/rounds/1";
  CHECK_FALSE(holds(sample("y.csv").output, "refined for"));
}

TEST_CASE("rounds of a refinement are single models, of whatever it begins with", "[app][refine][ensemble]") {
  const Refined refined;
  // A config asks for an ensemble.
  std::vector<std::string> words = refined.refine("by_config");
  words.insert(words.end(), {"--set", "training.ensemble=2", "--set", "training.nsteps=50"});
  CHECK(holds(succeed(words), "training.ensemble = 2 gives way"));
  CHECK(checkpoint::load_model(refined.file("by_config/model.safetensors")).members.empty());
  // A run is one, as the recipe makes it of few simulations.
  succeed({"simulate", refined.file("mine.yaml"), "-n", "200", "-o", refined.file("data.npz")});
  succeed({"train", refined.file("mine.yaml"), "--data", refined.file("data.npz"), "-o", refined.file("run"),
           "--ensemble", "2", "--set", "training.nsteps=50"},
          Start::program);
  words = refined.refine("by_run");
  words[1] = refined.file("run");
  const std::string said = succeed(words);
  CHECK(holds(said,
              refined.file("run") + " is an ensemble of 2, and the first round is one model: its member "));
  CHECK(holds(said, "round 1 of 2: 200 simulations of the whole prior"));
  CHECK(checkpoint::load_model(refined.file("by_run/model.safetensors")).members.empty());
}

TEST_CASE("a refinement's mistakes are told before it simulates", "[app][refine]") {
  const Refined refined;
  refuses({"refine", refined.file("mine.yaml"), "--x", refined.file("x.csv"), "-o", refined.file("out"),
           "--simulations", "99"},
          "must be at least 100");
  refuses({"refine", "--task", "two_moon", "--x", refined.file("x.csv"), "-o", refined.file("out")},
          "did you mean 'two_moons'");
  CHECK_FALSE(fs::exists(refined.file("out/rounds")));
}

}  // namespace
}  // namespace fluxsbi::test
