// Ensembles as a user meets them.
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "app/expect.hpp"
#include "checkpoint/model_file.hpp"
#include "core/philox.hpp"
#include "io/atomic_file.hpp"
#include "io/files.hpp"
#include "io/npz.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::WithinAbs;

void require_same_members(const std::string& run, const std::string& other) {
  const auto a = checkpoint::load_model(run + "/model.safetensors"),
             b = checkpoint::load_model(other + "/model.safetensors");
  REQUIRE(a.members.size() == b.members.size());
  for (size_t m = 0; m < a.members.size(); ++m) {
    for (const auto& [name, array] : a.members[m].weights) {
      INFO("member " << m + 1 << ", " << name);
      REQUIRE(array.bytes == b.members[m].weights.at(name).bytes);
    }
  }
}

std::vector<double> numbers(const std::string& file, const std::string& key) {
  return io::load_npz(file).at(key).to_double();
}

void wait_for(const std::string& file) {
  REQUIRE(wait_until([&] { return fs::exists(file); }));
}

TEST_CASE("an ensemble that was killed goes on to the same members, however many train at a time",
          "[app][ensemble][resume]") {
  const TemporaryFolder folder;
  io::write_text(folder.file("tiny.yaml"), tiny_config());
  const std::string few = "training.nsteps=120";
  const std::string said = succeed({"train", folder.file("tiny.yaml"), "-o", folder.file("whole"),
                                    "--ensemble", "3", "--jobs", "3", "--set", few},
                                   Start::program);
  CHECK(holds(said, "all 3 members have finished"));
  const auto whole = checkpoint::load_model(folder.file("whole/model.safetensors"));
  REQUIRE(whole.members.size() == 3);
  const auto& weights = whole.members[0].weights.begin()->second;
  CHECK(weights.bytes != whole.members[1].weights.begin()->second.bytes);
  CHECK(whole.members[0].theta.mean != whole.members[1].theta.mean);  // other training rows

  Running first({"train", folder.file("tiny.yaml"), "-o", folder.file("killed"), "--ensemble", "3", "--jobs",
                 "2", "--set", few});
  REQUIRE(wait_until([&] { return has_checkpoint(folder.file("killed/members/1")); }));
  first.send(SIGKILL);
  first.wait();
  CHECK_FALSE(fs::exists(folder.file("killed/model.safetensors")));
  refuses({"sample", folder.file("killed"), "-n", "5", "-o", folder.file("s.npz")}, "fluxsbi resume");
  CHECK(holds(succeed({"info", folder.file("killed")}), "unfinished"));
  succeed({"resume", folder.file("killed"), "--jobs", "1"}, Start::program);
  require_same_members(folder.file("whole"), folder.file("killed"));
  CHECK(holds(succeed({"resume", folder.file("killed")}, Start::program), "the ensemble has finished"));
  CHECK(holds(succeed({"info", folder.file("killed")}), "3 members"));
}

TEST_CASE("SIGTERM stops all members of an ensemble after their checkpoints", "[app][ensemble][resume]") {
  const TemporaryFolder folder;
  io::write_text(folder.file("tiny.yaml"), tiny_config());
  Running training({"train", folder.file("tiny.yaml"), "-o", folder.file("run"), "--ensemble", "2", "--jobs",
                    "2", "--set", "training.nsteps=1000000"});
  wait_for(folder.file("run/members/2/metrics.jsonl"));
  wait_for(folder.file("run/members/2/checkpoints"));
  training.send(SIGTERM);
  REQUIRE(training.wait() == 75);
  const Outcome busy = run({"info", folder.file("run/members/2")});
  CHECK(busy.code == 0);
  CHECK(holds(busy.output, "unfinished"));
}

TEST_CASE("a member that fails is named, and the others are kept", "[app][ensemble]") {
  const TemporaryFolder folder;
  io::write_text(folder.file("tiny.yaml"), tiny_config());
  fs::create_directories(folder.file("run/members"));
  refuses({"train", folder.file("tiny.yaml"), "-o", folder.file("run"), "--ensemble", "2"}, "holds members",
          Start::program);
  Running training({"train", folder.file("tiny.yaml"), "-o", folder.file("run"), "--ensemble", "2", "--jobs",
                    "1", "--force", "--set", "training.nsteps=60"});
  wait_for(folder.file("run/members/1/config.yaml"));
  io::write_text(folder.file("run/members/2"), "a file where a folder should be\n");
  REQUIRE(training.wait() == 1);
  CHECK(fs::exists(folder.file("run/members/1/model.safetensors")));
  CHECK_FALSE(fs::exists(folder.file("run/model.safetensors")));
  fs::remove(folder.file("run/members/2"));
  succeed({"resume", folder.file("run")}, Start::program);
  CHECK(fs::exists(folder.file("run/model.safetensors")));
}

TEST_CASE("whatever takes a model takes an ensemble, which answers as the mixture of its members",
          "[app][ensemble]") {
  const TemporaryFolder folder;
  io::write_text(folder.file("tiny.yaml"), tiny_config());
  const std::string run = folder.file("run");
  succeed({"train", folder.file("tiny.yaml"), "-o", run, "--ensemble", "2", "--set", "training.nsteps=40"},
          Start::program);
  succeed({"simulate", "two_moons", "-n", "3", "--seed", "5", "-o", folder.file("x.npz")});
  const auto sample = [&](const std::string& model, const std::string& name, const std::string& draws) {
    succeed({"sample", model, "--x", folder.file("x.npz"), "-n", draws, "-o", folder.file(name), "-q"});
    return numbers(folder.file(name), "samples");
  };
  const auto mixed = sample(run, "mixed.npz", "7"), one = sample(run + "/members/1", "one.npz", "7");
  for (size_t row = 0; row < 3;
       ++row) {  // draws 0, 2, 4, 6 are the first member's own draws of these numbers
    for (const size_t d : {0U, 2U, 4U, 6U}) {
      for (size_t j = 0; j < 2; ++j) {
        const size_t place = (row * 7 + d) * 2 + j;
        CHECK_THAT(mixed[place], WithinAbs(one[place], 1e-4));
      }
    }
  }
  const auto log_prob = [&](const std::string& model, const std::string& name) {
    succeed({"log-prob", model, "--theta", folder.file("mixed.npz"), "-o", folder.file(name), "-q"});
    return numbers(folder.file(name), "log_prob");
  };
  const auto both = log_prob(run, "both.npz"), first = log_prob(run + "/members/1", "first.npz"),
             second = log_prob(run + "/members/2", "second.npz");
  for (size_t i = 0; i < both.size(); ++i)
    CHECK_THAT(both[i], WithinAbs(std::log((std::exp(first[i]) + std::exp(second[i])) / 2), 1e-6));
  succeed({"map", run, "--x", folder.file("x.npz"), "-n", "40", "--top", "3", "-o", folder.file("map.npz")});
  succeed({"diagnose", run, "sbc", "--pairs", "40", "-n", "19"});
  refuses({"diagnose", run, "sbc", "--data", folder.file("none.npz")}, "none.npz");
  succeed({"compare", run, run + "/members/1", "--simulations", "20", "--pairs", "20", "-n", "19"});
  succeed(
      {"report", run, "--samples", folder.file("mixed.npz"), "--row", "0", "-o", folder.file("report.html")});
  succeed({"report", run, "--x", folder.file("x.npz"), "--row", "1", "-n", "100", "-o",
           folder.file("drawn.html")});
  succeed({"export", folder.file("mixed.npz"), "--prior", run, "-o", folder.file("posterior.nc")});
  refuses({"plot", run, "-o", folder.file("curves.svg")}, "members/1");
}

// Simulations theta = x + noise in which all is moved by `shift`, without a known prior.
void save_simulations(const std::string& path, float shift) {
  constexpr int64_t rows = 400;
  core::Philox random(3, core::Purpose::test);
  std::vector<float> theta(rows), x(rows);
  for (size_t i = 0; i < theta.size(); ++i) {
    x[i] = static_cast<float>(random.normal());
    theta[i] = x[i] + static_cast<float>(random.normal()) + shift;
  }
  io::save_arrays(path, {{"theta", io::Array::from(std::span<const float>(theta), {rows, 1})},
                         {"x", io::Array::from(std::span<const float>(x), {rows, 1})}});
}

TEST_CASE("members that disagree are told of, and --strict makes that exit code 2", "[app][ensemble]") {
  const TemporaryFolder folder;
  std::string config = tiny_config();
  config.erase(config.find("data: "), config.find("training: ") - config.find("data: "));
  io::write_text(folder.file("tiny.yaml"), config);
  save_simulations(folder.file("here.npz"), 0);
  save_simulations(folder.file("there.npz"), 30);
  const std::string run = folder.file("run"), few = "training.nsteps=40";
  succeed({"train", folder.file("tiny.yaml"), "--data", folder.file("here.npz"), "-o", run, "--ensemble", "2",
           "--set", few},
          Start::program);
  io::write_text(folder.file("x.csv"), "x_0\n0.2\n-0.4\n");
  const std::vector<std::string> ask{"sample", run,        "--x", folder.file("x.csv"),       "-n",
                                     "200",    "--strict", "-o",  folder.file("samples.npz"), "--force"};
  CHECK_FALSE(holds(succeed(ask), "disagree"));
  CHECK(holds(succeed({"report", run, "--samples", folder.file("samples.npz"), "--row", "1", "-o",
                       folder.file("agree.html")}),
              "wrote"));
  const auto page = [&](const char* name) {
    std::ifstream file(folder.file(name));
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  CHECK(holds(page("agree.html"), "The 2 members of the ensemble agree: their means lie"));

  fs::remove_all(run + "/members/2");  // the second member learns from other simulations
  fs::remove(run + "/model.safetensors");
  succeed({"train", run + "/config.yaml", "--data", folder.file("there.npz"), "-o", run + "/members/2",
           "--set", "training.member=2"});
  succeed({"resume", run}, Start::program);
  const Outcome strict = fluxsbi::test::run(ask);
  INFO(strict.output);
  CHECK(strict.code == 2);
  CHECK(holds(strict.output, "row 0: the 2 members of the ensemble disagree: their means of theta_0 lie"));
  CHECK(holds(strict.output, "samples.npz was written"));
  CHECK(numbers(folder.file("samples.npz"), "samples").size() == 400);
  succeed({"report", run, "--x", folder.file("x.csv"), "--row", "0", "-n", "200", "-o",
           folder.file("differ.html")});
  CHECK(holds(page("differ.html"), "The 2 members of the ensemble disagree"));
}

TEST_CASE("an ensemble of joint models answers any question and is guided where it learned to be",
          "[app][ensemble][joint]") {
  const TemporaryFolder folder;
  io::write_text(folder.file("joint.yaml"), tiny_joint_config("simformer"));
  succeed({"train", folder.file("joint.yaml"), "-o", folder.file("joint"), "--ensemble", "2", "--set",
           "training.nsteps=20"},
          Start::program);
  io::write_text(folder.file("ask.csv"), "theta_0,x_0\n0.5,0.1\n,0.2\n");
  succeed({"sample", folder.file("joint"), "--given", folder.file("ask.csv"), "-n", "6", "-o",
           folder.file("answers.npz")});
  succeed(
      {"log-prob", folder.file("joint"), "--values", folder.file("answers.npz"), "-o", folder.file("d.npz")});
  const std::string run = folder.file("guided");
  io::write_text(folder.file("tiny.yaml"), tiny_config());
  succeed({"train", folder.file("tiny.yaml"), "-o", run, "--ensemble", "2", "--set", "training.nsteps=20",
           "--set", "strategy.condition_drop_rate=0.2"},
          Start::program);
  succeed({"simulate", "two_moons", "-n", "1", "-o", folder.file("x.npz")});
  succeed({"sample", run, "--x", folder.file("x.npz"), "-n", "6", "--guidance-scale", "2", "-o",
           folder.file("g.npz")});
}

}  // namespace
}  // namespace fluxsbi::test
