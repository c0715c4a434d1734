// A model that sees some of the values of x, from `train` to `diagnose`; files and simulators give all.
#include <algorithm>
#include <cmath>

#include "app/expect.hpp"
#include "app/small_recipe.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

// `train`, with everything but -o and its folder.
std::vector<std::string> training(const std::vector<std::string>& settings) {
  const std::vector<std::string> few{"data.simulations=600", "training.nsteps=20"};
  return with(with({"train", "--task", "slcp_distractors", "--seed", "3"}, with(with(tiny, few), settings)),
              {"-o"});
}

// The values of slcp_distractors that are those of slcp.
const std::vector<size_t> places{16, 21, 22, 23, 33, 42, 67, 90};

TEST_CASE("the recipe leaves out what tells nothing of theta, and every command goes on to take all of x",
          "[app][recipe][use_x]") {
  const TemporaryFolder folder;
  const std::string trained = folder.file("run"), x = folder.file("x.npz"), seen = folder.file("seen.csv");
  const std::string said = succeed(with(training({}), {trained}));
  CHECK(holds(said, "values of x x_16, x_21, x_22, x_23, x_33, x_42, x_67, x_90 (8 of 100 values)"));
  CHECK(holds(said, "the recipe for 600 simulations, theta 5 tokens, x 8 tokens"));
  CHECK(holds(read_file(trained + "/config.yaml"), "use_x: [\"x_16\", \"x_21\""));
  CHECK(holds(succeed({"info", trained}), "8 of 100 values of x (data.use_x): x_16, x_21"));

  succeed({"simulate", "slcp_distractors", "-n", "3", "--seed", "8", "-o", x, "-q"});
  const std::vector<float> all = array_in(x, "x").to_float();
  REQUIRE(all.size() == 300);
  std::string text = "x_16,x_21,x_22,x_23,x_33,x_42,x_67,x_90\n";
  for (size_t row = 0; row < 3; ++row) {
    for (const size_t place : places)
      text += std::to_string(all[100 * row + place]) + (place == places.back() ? "\n" : ",");
  }
  write_file(seen, text);
  const auto samples = [&](const std::string& observed) {
    succeed({"sample", trained, "--x", observed, "-n", "20", "-q", "-o", folder.file("s.npz"), "--force"});
    return samples_in(folder.file("s.npz"));
  };
  const std::vector<float> of_all = samples(x), of_seen = samples(seen);
  REQUIRE(of_all.size() == of_seen.size());
  for (size_t i = 0; i < of_all.size(); ++i) CHECK(std::abs(of_all[i] - of_seen[i]) < 1e-3);  // six decimals

  succeed({"log-prob", trained, "--theta", x, "--x", x, "-q", "-o", folder.file("d.npz")});
  const auto densities = array_in(folder.file("d.npz"), "log_prob").to_float();
  CHECK(std::all_of(densities.begin(), densities.end(), [](float value) { return std::isfinite(value); }));

  succeed({"resume", trained, "--steps", "24", "-q"});
  // Held-out rows of the run, of a file with all values, and simulations at posterior draws.
  for (const auto& source : {std::vector<std::string>{}, std::vector<std::string>{"--simulations", "60"}}) {
    const Outcome judged = run(with(
        {"diagnose", trained, "sbc", "ppc", "-n", "19", "--predictive", "30", "--x", x, "--row", "0", "-q"},
        source));
    INFO(judged.output);
    CHECK((judged.code == 0 || judged.code == 2));
  }
  CHECK(array_in(trained + "/diagnostics/predictive_0.npz", "x").shape == std::vector<int64_t>{30, 100});
  refuses({"sample", trained, "--x", x, "-n", "10", "--likelihood", "slcp_distractors", "-o",
           folder.file("c.npz")},
          "it sees some values of x (data.use_x)");
  refuses({"refine", trained, "--x", x, "-o", folder.file("refined")}, "data.use_x=all");
}

TEST_CASE("values that are named, or none that are left out", "[app][use_x]") {
  const TemporaryFolder folder;
  const std::string named = folder.file("named"), all = folder.file("all");
  const auto words = [](const std::string& used, const std::string& run) {
    return with(training({"data.use_x=" + used}), {run});
  };
  CHECK(holds(succeed(words("[x_90, x_16]", named)),
              "the model sees 2 of 100 values of x (data.use_x): x_16, x_90"));
  refuses(words("[x_9, x_160]", folder.file("no")), "data.use_x: no value of x is called 'x_160'");
  refuses(words("some", folder.file("no")), "data.use_x must be all, auto or a list of names");
  CHECK_FALSE(holds(succeed(words("all", all)), "values of x "));
  // Both are judged by the same rows, each by the values that it sees.
  for (const auto& source : {std::vector<std::string>{}, std::vector<std::string>{"--simulations", "40"}}) {
    const std::string table =
        succeed(with({"compare", named, all, "--pairs", "20", "-n", "19", "-q"}, source));
    CHECK((holds(table, "named") && holds(table, "all")));
  }
}

TEST_CASE("a config of one's own can ask for the screening", "[app][use_x]") {
  const TemporaryFolder folder;
  const std::string config = folder.file("mine.yaml");
  write_file(config,
             "data: {task: slcp_distractors, simulations: 600, use_x: auto}\nstrategy: {model: auto}\n"
             "training: {nsteps: 4, batch_size: 8}\n");
  const std::string said = succeed({"train", config, "-o", folder.file("run")});
  CHECK(holds(said, "data.use_x: auto: x_16, x_21"));
  CHECK(holds(said, "strategy.model: auto chose flux1joint"));  // for 13 variables
  write_file(config, "data: {use_x: auto}\nstrategy: {model: flux1}\n");
  refuses({"train", config, "-o", folder.file("none")}, "auto looks at the data");
}

}  // namespace
}  // namespace fluxsbi::test
