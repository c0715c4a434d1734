// Students as a user meets them: distilled, resumed, sampled, asked for what only a teacher knows.
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "app/expect.hpp"
#include "checkpoint/model_file.hpp"
#include "io/atomic_file.hpp"
#include "io/files.hpp"
#include "io/safetensors.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

namespace fs = std::filesystem;

// A teacher of two_moons, from a file of simulations, and 4 observations.
struct Taught {
  explicit Taught(const std::string& config = tiny_config(), const std::vector<std::string>& extra = {},
                  Start start = Start::fork) {
    succeed({"simulate", "two_moons", "-n", "2000", "--seed", "3", "-o", file("data.npz")});
    succeed({"simulate", "two_moons", "-n", "4", "--seed", "4", "-o", file("x.npz")});
    io::write_text(file("tiny.yaml"), config);
    std::vector<std::string> words{"train",  file("tiny.yaml"), "-o", teacher, "-q",
                                   "--data", file("data.npz")};
    words.insert(words.end(), extra.begin(), extra.end());
    succeed(words, start);
  }
  std::string file(const std::string& name) const { return folder.file(name); }
  std::vector<std::string> distil(const std::string& run, std::vector<std::string> extra = {}) const {
    std::vector<std::string> words{"distill",
                                   teacher,
                                   "-o",
                                   file(run),
                                   "-q",
                                   "--set",
                                   "training.nsteps=40",
                                   "--set",
                                   "training.save_every=20"};
    words.insert(words.end(), extra.begin(), extra.end());
    return words;
  }
  std::vector<float> draws(const std::string& run, const std::vector<std::string>& extra = {}) const {
    std::vector<std::string> words{"sample", file(run), "--x", file("x.npz"),     "-n",      "200",
                                   "--seed", "11",      "-o",  file("draws.npz"), "--force", "--no-reject"};
    words.insert(words.end(), extra.begin(), extra.end());
    succeed(words);
    return samples_in(file("draws.npz"));
  }

  TemporaryFolder folder;
  std::string teacher = folder.file("teacher");
};

double mean_difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += std::abs(static_cast<double>(a[i]) - b[i]);
  return sum / static_cast<double>(a.size());
}

void require_same_weights(const std::string& run, const std::string& other) {
  const auto a = checkpoint::load_model(run + "/model.safetensors"),
             b = checkpoint::load_model(other + "/model.safetensors");
  for (const auto& [name, array] : a.weights) {
    INFO(name);
    REQUIRE(array.bytes == b.weights.at(name).bytes);
  }
  REQUIRE(a.validation_loss == b.validation_loss);
}

TEST_CASE("a student draws nearly what its teacher draws from the same noise", "[app][distill]") {
  const Taught taught;
  succeed(taught.distil(
      "student", {"--evaluations", "2", "--set", "training.nsteps=600", "--set", "optimizer.max_lr=3e-3"}));
  const auto teacher = taught.draws("teacher"), student = taught.draws("student"),
             untrained = taught.draws("teacher", {"--solver", "ddim", "--steps", "2"});
  CHECK(mean_difference(student, teacher) < 0.5 * mean_difference(untrained, teacher));
  // The student's own steps are those that it has alone.
  CHECK(taught.draws("student", {"--solver", "ddim", "--steps", "2"}) == student);
  const std::string said = succeed(
      {"sample", taught.file("student"), "--x", taught.file("x.npz"), "-n", "5", "-o", taught.file("s.npz")});
  CHECK(holds(said, "2 network evaluations a sample"));
}

TEST_CASE("distill says what to expect of one or two evaluations, and what helps", "[app][distill]") {
  const Taught taught(tiny_config(), {"--set", "training.nsteps=20"});
  const auto said = [&](const std::string& evaluations) {
    return succeed({"distill", taught.teacher, "-o", taught.file("student"), "--force", "--set",
                    "training.nsteps=20", "--evaluations", evaluations});
  };
  for (const char* few : {"1", "2"}) {
    const std::string text = said(few);
    CHECK(holds(text, "draws stay farther from the teacher's than with 4"));
    CHECK(holds(text, "training.nsteps=80 brings them nearer"));
  }
  CHECK(said("4").find("brings them nearer") == std::string::npos);
}

TEST_CASE("a distillation that was stopped and resumed is the one that was not", "[app][distill][resume]") {
  const Taught taught;
  succeed(taught.distil("whole"));
  succeed(taught.distil("parts"));
  // As if it had been killed after step 20, and the teacher's run were gone.
  fs::remove(taught.file("parts/model.safetensors"));
  fs::remove(taught.file("parts/checkpoints/step_00000040.safetensors"));
  fs::remove_all(taught.teacher);
  succeed({"resume", taught.file("parts")});
  require_same_weights(taught.file("whole"), taught.file("parts"));

  fs::remove(taught.file("parts/model.safetensors"));
  fs::remove(taught.file("parts/checkpoints/step_00000040.safetensors"));
  fs::remove(taught.file("parts/teacher.safetensors"));
  refuses({"resume", taught.file("parts")}, "parts/teacher.safetensors is missing");
}

TEST_CASE("densities and modes of a student are its teacher's", "[app][distill][density]") {
  const Taught taught(tiny_config() + "prior: {kind: box, low: [-1, -1], high: [1, 1]}\n",
                      {"--set", "training.nsteps=60"});
  succeed(taught.distil("student"));
  const auto log_prob = [&](const std::string& run) {
    const std::string said = succeed({"log-prob", taught.file(run), "--theta", taught.file("x.npz"), "--x",
                                      taught.file("x.npz"), "-o", taught.file("p.npz"), "--force"});
    CHECK(holds(said, "the teacher's weights answer") == (run == "student"));
    return array_in(taught.file("p.npz"), "log_prob").to_double();
  };
  CHECK(log_prob("student") == log_prob("teacher"));
  const auto modes = [&](const std::string& run) {
    succeed({"map", taught.file(run), "--x", taught.file("x.npz"), "-n", "20", "-o", taught.file("m.npz"),
             "--force"});
    return array_in(taught.file("m.npz"), "map").to_double();
  };
  CHECK(modes("student") == modes("teacher"));
  const std::string about = succeed({"info", taught.file("student")});
  CHECK(holds(about, "draws with 4 evaluations of the network"));
  CHECK(holds(about, taught.teacher));
  succeed({"report", taught.file("student"), "-o", taught.file("r.html")});
  CHECK(holds(read_file(taught.file("r.html")), "densities are the teacher&#39;s"));
  const Outcome diagnosed = run(
      {"diagnose", taught.file("student"), "solver", "--pairs", "20", "-n", "20", "-o", taught.file("d")});
  CHECK((diagnosed.code == 0 || diagnosed.code == 2));  // a student of 40 steps may fail
  CHECK(holds(diagnosed.output, "median difference to the teacher's steps"));
  // Draws that are weighed by their density must follow it.
  refuses({"sample", taught.file("student"), "--x", taught.file("x.npz"), "-n", "5", "--likelihood",
           "two_moons", "-o", taught.file("c.npz")},
          "the model is a student");
}

TEST_CASE("what a student cannot do is told before any work", "[app][distill][mistakes]") {
  const Taught taught(tiny_config(), {"--set", "training.nsteps=20"});
  const auto sample = [&](std::vector<std::string> extra) {
    std::vector<std::string> words{"sample", taught.file("student"), "--x", taught.file("x.npz"), "-n", "5",
                                   "-o",     taught.file("none.npz")};
    words.insert(words.end(), extra.begin(), extra.end());
    return words;
  };
  for (const char* count : {"0", "-1", "65"})
    refuses(taught.distil("bad", {"--evaluations", count}), "must be from 1 to 64");
  refuses(taught.distil("bad", {"--set", "model.depth=2"}), "a student is what its teacher is");
  refuses(taught.distil("bad", {"--set", "training.seed=2"}), "not seed, ensemble");
  refuses(taught.distil("bad", {"--set", "training.nstep=2"}), "did you mean 'nsteps'");
  refuses({"distill", taught.file("nowhere"), "-o", taught.file("bad")}, "does not exist");
  CHECK_FALSE(fs::exists(taught.file("bad")));
  refuses(taught.distil("teacher", {"--force"}), "is the teacher's own run");
  CHECK(fs::exists(taught.teacher + "/model.safetensors"));

  succeed(taught.distil("student"));
  refuses(taught.distil("student"), "holds a run already");
  refuses({"distill", taught.file("student"), "-o", taught.file("bad")}, "is a student itself");
  refuses(sample({"--solver", "heun"}), "sampling.solver = heun, but the model is a student");
  refuses(sample({"--steps", "8"}), "sampling.steps = 8");
  refuses(sample({"--set", "sampling.spacing=1"}), "draws by 4 jumps of its own");
  refuses(sample({"--guidance-scale", "2"}), "sampling.guidance_scale");
  refuses(sample({"--together"}), "a student knows no scores");
  CHECK_FALSE(fs::exists(taught.file("none.npz")));

  // Without the teacher's weights the file is not whole.
  io::Safetensors model = io::load_safetensors(taught.file("student/model.safetensors"));
  std::erase_if(model.arrays, [](const auto& entry) { return entry.first.starts_with("teacher/"); });
  io::save_safetensors(taught.file("cut.safetensors"), model);
  refuses({"sample", taught.file("cut.safetensors"), "--x", taught.file("x.npz"), "-n", "5", "-o",
           taught.file("none.npz")},
          "its teacher's weights are missing");

  // The student's config starts no training by itself.
  refuses({"train", taught.file("student/config.yaml"), "-o", taught.file("bad")}, "fluxsbi distill");

  fs::rename(taught.file("data.npz"), taught.file("moved.npz"));
  refuses(taught.distil("late"), "name simulations with --data F");
  succeed(taught.distil("late", {"--data", taught.file("moved.npz")}));
  succeed({"simulate", "slcp", "-n", "50", "-o", taught.file("other.npz")});
  refuses(taught.distil("bad", {"--data", taught.file("other.npz")}), "but the teacher was trained on");
  CHECK_FALSE(fs::exists(taught.file("bad")));
}

TEST_CASE("of an ensemble a member is distilled", "[app][distill][ensemble]") {
  const Taught taught(tiny_config(), {"--set", "training.nsteps=20", "--ensemble", "2", "--jobs", "1"},
                      Start::program);
  const auto loss_of = [&](const std::string& member) {
    return checkpoint::load_model(taught.teacher + "/members/" + member + "/model.safetensors")
        .validation_loss;
  };
  const std::string best = loss_of("1") <= loss_of("2") ? "1" : "2";
  const std::string said =
      succeed({"distill", taught.teacher, "-o", taught.file("of_best"), "--set", "training.nsteps=20"});
  CHECK(holds(said, "its member " + best + ", whose validation loss is lowest"));
  CHECK(holds(read_file(taught.file("of_best/config.yaml")), "member: " + best));
  refuses({"distill", taught.teacher, "-o", taught.teacher + "/members/" + best, "--force", "-q"},
          "is the teacher's own run");
  refuses({"distill", taught.teacher + "/model.safetensors", "-o", taught.file("bare"), "-q"},
          "name the run folder of a member");
  succeed({"distill", taught.teacher + "/members/2", "-o", taught.file("student"), "-q", "--set",
           "training.nsteps=20"});
  CHECK(taught.draws("student").size() == 4 * 200 * 2);
  // Its rows are split as its teacher's were: it validates with rows that neither has learned from.
  const auto rows = [&](const std::string& run) {
    return checkpoint::load_model(run + "/model.safetensors").remarks.at("validation_rows");
  };
  CHECK(rows(taught.file("student")) == rows(taught.teacher + "/members/2"));
  CHECK(holds(read_file(taught.file("student/config.yaml")), "member: 2"));
}

TEST_CASE("a student of a joint model answers any conditional", "[app][distill][joint]") {
  const std::string model = GENERATE(std::string("flux1joint"), std::string("simformer"));
  const Taught taught(tiny_joint_config(model));
  succeed(taught.distil("student", {"--evaluations", "2"}));
  CHECK(taught.draws("student").size() == 4 * 200 * 2);
  io::write_text(taught.file("q.csv"), "theta_0,theta_1,x_0,x_1\n0.25,,0.5,\n,,,\n");
  succeed({"sample", taught.file("student"), "--given", taught.file("q.csv"), "-n", "6", "-o",
           taught.file("all.npz")});
  const auto all = samples_in(taught.file("all.npz"));
  REQUIRE(all.size() == 2 * 6 * 4);
  for (size_t draw = 0; draw < 6; ++draw) {
    CHECK(all[draw * 4] == 0.25f);
    CHECK(all[draw * 4 + 2] == 0.5f);
    CHECK(std::isfinite(all[draw * 4 + 1]));
  }
  CHECK(
      holds(succeed({"log-prob", taught.file("student"), "--values", taught.file("data.npz"), "--given-names",
                     "x_0,x_1", "--solver", "euler", "--steps", "2", "-o", taught.file("p.npz")}),
            "the teacher's weights answer"));
}

TEST_CASE("students of diffusion, score matching, guided and embedded models draw", "[app][distill]") {
  const std::string kind = GENERATE(std::string("diffusion"), std::string("score"), std::string("guided"),
                                    std::string("embedded"), std::string("residual"));
  CAPTURE(kind);
  std::string config = tiny_config();
  std::vector<std::string> extra{"--set", "training.nsteps=60"};
  const auto set = [&](const std::string& assignment) { extra.insert(extra.end(), {"--set", assignment}); };
  if (kind == "diffusion") set("strategy.method=diffusion");
  if (kind == "score") set("strategy.method=score_matching");
  if (kind == "guided") set("strategy.condition_drop_rate=0.2");
  if (kind == "embedded") config += "embedding: {network: mlp, features: 4}\n";
  if (kind == "residual") set("data.regression=linear");
  const Taught taught(config, extra);
  succeed(taught.distil("student", {"--evaluations", "2", "--set", "training.nsteps=200"}));
  const auto teacher = taught.draws("teacher"), student = taught.draws("student"),
             untrained = taught.draws("teacher", {"--solver", "ddim", "--steps", "2"});
  CHECK(mean_difference(student, teacher) < mean_difference(untrained, teacher));
}

}  // namespace
}  // namespace fluxsbi::test
