// diagnose and compare as a user meets them.
#include <cmath>
#include <filesystem>
#include <span>

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "app/expect.hpp"
#include "io/atomic_file.hpp"
#include "io/files.hpp"
#include "io/npz.hpp"
#include "io/text_file.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

using Words = std::vector<std::string>;

struct Diagnosed {
  explicit Diagnosed(const std::string& config, Words extra = {}) {
    io::write_text(file("tiny.yaml"), config);
    train("run", extra);
  }
  void train(const std::string& name, const Words& extra) const {
    Words words{"train", file("tiny.yaml"), "-o", file(name), "-q"};
    words.insert(words.end(), extra.begin(), extra.end());
    succeed(words);
  }
  std::string file(const std::string& name) const { return folder.file(name); }
  // Few draws: seconds, not minutes.
  Words diagnose(Words extra) const {  // the run validates on 100 rows
    Words words{"diagnose", file("run"), "--pairs", "120", "-n", "39", "--density-draws", "9"};
    words.insert(words.end(), extra.begin(), extra.end());
    return words;
  }

  TemporaryFolder folder;
};

bool exists(const std::string& path) {
  return std::filesystem::exists(path);
}

// Pairs of two moons whose theta_0 lies above `least`.
void write_pairs_above(const std::string& all, double least, const std::string& out) {
  const auto arrays = io::load_arrays(all).arrays;
  const auto theta = arrays.at("theta").to_double(), x = arrays.at("x").to_double();
  std::vector<double> some_theta, some_x;
  for (size_t i = 0; i < theta.size(); i += 2) {
    if (theta[i] < least) continue;
    some_theta.insert(some_theta.end(), {theta[i], theta[i + 1]});
    some_x.insert(some_x.end(), {x[i], x[i + 1]});
  }
  const int64_t rows = std::ssize(some_theta) / 2;
  io::Arrays kept;
  kept["theta"] = io::Array::from(std::span<const double>(some_theta), {rows, 2});
  kept["x"] = io::Array::from(std::span<const double>(some_x), {rows, 2});
  io::save_npz(out, kept);
}

TEST_CASE("diagnose catches a model that was hardly trained, and says what to do", "[app][diagnose]") {
  const Diagnosed trained(tiny_config(), {"--set", "training.nsteps=60"});
  const Outcome outcome = run(trained.diagnose({}));
  INFO(outcome.output);
  CHECK(outcome.code == 2);
  for (const std::string part : {"FAIL", "next: ", "do not rely on these posteriors", "validation rows of",
                                 "ppc needs an observation; name one with --x FILE"})
    CHECK(holds(outcome.output, part));
  const std::string folder = trained.file("run/diagnostics/");
  for (const std::string name : {"sbc.json", "hpd.json", "tarp.json", "solver.json", "sharpness.json"})
    CHECK(exists(folder + name));
  const auto arrays = io::load_arrays(folder + "pit.npz").arrays;
  CHECK(arrays.at("pit").shape == std::vector<int64_t>{100, 2});
  CHECK(arrays.at("log_prob_draws").shape == std::vector<int64_t>{100, 9});
  for (const int64_t rank : arrays.at("ranks").to_int64()) CHECK((rank >= 0 && rank <= 39));

  const std::string json = read_file(folder + "sbc.json");
  const Outcome again = run(trained.diagnose({"sbc", "--json", "-q", "-o", trained.file("again")}));
  const std::string said =
      again.output.substr(again.output.find('['));  // warnings of idle options come first
  CHECK(nlohmann::json::parse(said).size() == nlohmann::json::parse(json).size());
  CHECK(exists(trained.file("again/sbc.json")));
  CHECK_FALSE(exists(trained.file("again/hpd.json")));
  const auto first = nlohmann::json::parse(json), second = nlohmann::json::parse(said);
  for (size_t i = 0; i < first.size(); ++i) CHECK(first[i].at("value") == second[i].at("value"));
}

TEST_CASE("diagnose names what a test needs and how to give it", "[app][diagnose]") {
  const Diagnosed trained(tiny_config(), {"--set", "training.nsteps=20"});
  refuses(trained.diagnose({"sbd"}), "there is no test 'sbd' (did you mean 'sbc'?)");
  refuses(trained.diagnose({"ppc"}), "ppc needs an observation; name one with --x FILE");
  refuses(trained.diagnose({"--given-names", "x_0"}), "train flux1joint or simformer");
  refuses(trained.diagnose({"--data", "a.npz", "--simulations", "10"}),
          "give --data or --simulations, not both");
  refuses(trained.diagnose({"--data", trained.file("none.npz")}), "none.npz");
  succeed({"simulate", "slcp", "-n", "50", "-q", "-o", trained.file("slcp.npz")});
  refuses(trained.diagnose({"--data", trained.file("slcp.npz")}),
          "its rows hold 5 numbers of theta and 8 of x, but the model was trained on 2 numbers of theta and "
          "2 of x");
  CHECK(holds(succeed(trained.diagnose({"training", "-o", trained.file("course")})), "validation losses"));
  succeed({"simulate", "two_moons", "-n", "50", "-q", "-o", trained.file("moons.npz")});
  refuses(
      {"diagnose", trained.file("run/model.safetensors"), "training", "--data", trained.file("moons.npz")},
      "training: nothing to look at");
  refuses(trained.diagnose({"prior", "-o", trained.file("tiny.yaml/folder")}),
          "tiny.yaml/folder cannot be made");
  refuses({"diagnose", trained.file("run/model.safetensors")},
          "give pairs that the model was not trained on");
  CHECK_FALSE(exists(trained.file("run/diagnostics")));
}

TEST_CASE("diagnose looks at an observation, and simulates at its draws", "[app][diagnose]") {
  const Diagnosed trained(tiny_config(), {"--set", "training.nsteps=60"});
  io::write_text(trained.file("far.csv"), "x_0,x_1\n50,0\n");
  const Outcome far = run(trained.diagnose({"inside", "--x", trained.file("far.csv")}));
  INFO(far.output);
  CHECK(far.code == 2);
  CHECK(holds(far.output, "next: "));
  io::write_text(trained.file("near.csv"), "x_0,x_1\n-0.6,0.1\n");
  const Outcome near = run(trained.diagnose(
      {"inside", "ppc", "--simulations", "100", "--predictive", "60", "--x", trained.file("near.csv")}));
  INFO(near.output);
  CHECK(near.code != 1);
  CHECK(holds(near.output, "fresh simulations"));
  CHECK(io::load_arrays(trained.file("run/diagnostics/predictive_0.npz")).arrays.at("x").shape ==
        std::vector<int64_t>{60, 2});
  refuses(trained.diagnose({"inside", "--x", trained.file("near.csv"), "--row", "3"}), "--row 3");
}

TEST_CASE("a model of another prior than its data's is caught", "[app][diagnose]") {
  const TemporaryFolder folder;
  succeed({"simulate", "two_moons", "-n", "3000", "-q", "-o", folder.file("all.npz")});
  write_pairs_above(folder.file("all.npz"), -0.5, folder.file("some.npz"));
  io::write_text(folder.file("tiny.yaml"), tiny_config());
  succeed({"train", folder.file("tiny.yaml"), "-q", "-o", folder.file("run"), "--set", "training.nsteps=40",
           "--set", "data.task=null", "--data", folder.file("some.npz"), "--set", "prior.kind=box", "--set",
           "prior.low=[-1, -1]", "--set", "prior.high=[1, 1]"});
  const Outcome outcome = run({"diagnose", folder.file("run"), "prior", "--pairs", "100", "-n", "9"});
  INFO(outcome.output);
  CHECK(outcome.code == 2);
  CHECK(holds(outcome.output, "prior of theta_0: The pairs do not come from the prior that the model knows"));
  CHECK_FALSE(holds(outcome.output, "prior of theta_1:"));
}

TEST_CASE("diagnose answers for any conditional of a joint model", "[app][diagnose]") {
  const Diagnosed trained(tiny_joint_config("flux1joint"), {"--set", "training.nsteps=40"});
  const Outcome outcome = run(trained.diagnose({"sbc", "hpd", "--given-names", "theta_1,x_0"}));
  INFO(outcome.output);
  CHECK(outcome.code != 1);
  CHECK(holds(outcome.output, "x_1"));
  CHECK(holds(outcome.output, "theta_0"));
  const std::string own = trained.file("run/diagnostics"), other = own + "/given_theta_1_x_0";
  CHECK(nlohmann::json::parse(io::read_text(other + "/sbc.json")).at(0).at("given") == "theta_1, x_0");
  CHECK(exists(other + "/pit.npz"));
  CHECK_FALSE(exists(own + "/sbc.json"));  // what a report shows as the tests of theta given x
  CHECK_FALSE(exists(own + "/pit.npz"));
  refuses(trained.diagnose({"--given-names", "theta_1,theta_1"}), "stands twice");
  refuses(trained.diagnose({"--given-names", "theta_7"}), "the model knows no column 'theta_7'");
}

TEST_CASE("compare puts the better of two models first", "[app][diagnose]") {
  const Diagnosed trained(tiny_config(), {"--set", "training.nsteps=10"});
  trained.train("better", {"--set", "training.nsteps=150"});
  const Words both{"compare", trained.file("run"), trained.file("better"), "--pairs", "100", "-n", "19"};
  Words json = both;
  json.insert(json.end(), {"--json", "-q"});
  const auto found = nlohmann::json::parse(succeed(json));
  REQUIRE(found.at("models").size() == 2);
  CHECK(found["models"][0].at("model") == trained.file("better"));
  CHECK(found["models"][0].at("behind_best") == 0);
  CHECK(found["models"][1].at("behind_best") >
        2 * found["models"][1].at("behind_standard_error").get<double>());
  CHECK(holds(succeed(both), "better is the best"));
  refuses({"compare", trained.file("run")}, "compare needs two models or more");
  refuses({"compare", trained.file("run"), trained.file("run")}, "twice; name different models");
  trained.train("other", {"--set", "training.nsteps=10", "--seed", "7"});
  const Outcome other = run({"compare", trained.file("run"), trained.file("other")});
  INFO(other.output);
  CHECK(other.code == 1);
  CHECK(holds(other.output, "have other validation rows"));
  CHECK_FALSE(holds(other.output, "posterior draws for each"));  // said before any model has drawn
}

}  // namespace
}  // namespace fluxsbi::test
