// log-prob and map as a user meets them.
#include <cmath>
#include <filesystem>
#include <limits>
#include <sstream>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "app/expect.hpp"
#include "io/atomic_file.hpp"
#include "io/files.hpp"
#include "support/square_grid.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

// Batched float32 products of other sizes round differently; a hundred network evaluations carry that on, and
// an adaptive solver's steps follow.
constexpr double density_chunk_tolerance = 2e-3;

using Shape = std::vector<int64_t>;
using Words = std::vector<std::string>;

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

std::vector<double> printed(const std::string& text) {
  std::istringstream lines(text);
  std::vector<double> values;
  for (double value = 0; lines >> value;) values.push_back(value);
  return values;
}

struct Trained {
  explicit Trained(const std::string& config, Words extra = {}) {
    io::write_text(file("tiny.yaml"), config);
    Words words{"train", file("tiny.yaml"), "-o", run, "-q"};
    words.insert(words.end(), extra.begin(), extra.end());
    succeed(words);
    succeed({"simulate", "two_moons", "-n", "6", "--seed", "3", "-o", file("s.npz")});
  }
  std::string file(const std::string& name) const { return folder.file(name); }
  Words log_prob(Words extra) const {
    Words words{"log-prob", run, "-q"};
    words.insert(words.end(), extra.begin(), extra.end());
    return words;
  }
  Words pairs(Words extra = {}) const {
    extra.insert(extra.begin(), {"--theta", file("s.npz"), "--x", file("s.npz")});
    return log_prob(extra);
  }

  TemporaryFolder folder;
  std::string run = folder.file("run");
};

TEST_CASE("log-prob writes and prints the same densities, however it is chunked", "[app][density]") {
  const Trained trained(tiny_config(), {"--set", "training.nsteps=100"});
  const auto file = [&](const std::string& name) { return trained.file(name); };
  succeed(trained.pairs({"-o", file("lp.npz")}));
  const io::Array found = array_in(file("lp.npz"), "log_prob");
  CHECK(found.shape == Shape{6});
  CHECK(found.dtype == io::DType::f64);
  CHECK(array_in(file("lp.npz"), "meta").shape.size() == 1);
  const auto values = found.to_double();
  for (const double value : values) CHECK(std::isfinite(value));
  CHECK(printed(succeed(trained.pairs())) == values);
  for (const std::string name : {"lp.npy", "lp.csv", "lp.h5"}) {
    succeed(trained.pairs({"-o", file(name)}));
    const auto arrays = io::load_arrays(file(name)).arrays;
    CHECK(arrays.at(arrays.count("array") ? "array" : "log_prob").to_double() == values);
  }
  succeed(trained.pairs({"-o", file("one.npz"), "--chunk", "1"}));
  CHECK(largest_difference(array_in(file("one.npz"), "log_prob").to_double(), values) <
        density_chunk_tolerance);
  const auto steps = printed(succeed(trained.pairs({"--solver", "rk4", "--steps", "200"})));
  CHECK(largest_difference(steps, values) < 0.05);  // fixed steps across a barely trained network's bends

  refuses(trained.pairs({"-o", file("lp.npz")}), "exists; use --force to replace it");
  succeed(trained.pairs({"-o", file("lp.npz"), "--force"}));
}

TEST_CASE("log-prob by Hutchinson has a standard error that covers the exact value", "[app][density]") {
  const Trained trained(tiny_config(), {"--set", "training.nsteps=100"});
  // The error of dopri5's default tolerance, 4e-4 here, is not the probes'.
  const Words close{"--rtol", "1e-6", "--atol", "1e-6"};
  const auto exact = printed(succeed(trained.pairs(close)));
  const std::string out = trained.file("lp.npz");
  Words estimate{"--divergence", "hutchinson", "--probes", "200", "-o", out};
  estimate.insert(estimate.end(), close.begin(), close.end());
  succeed(trained.pairs(estimate));
  const auto values = array_in(out, "log_prob").to_double(),
             errors = array_in(out, "log_prob_se").to_double();
  for (size_t i = 0; i < values.size(); ++i) {
    CHECK(errors[i] > 0);
    CHECK(std::abs(values[i] - exact[i]) < 4 * errors[i]);
  }
  CHECK(printed(succeed(trained.pairs({"--divergence", "hutchinson", "--probes", "3"}))).size() == 12);
}

TEST_CASE("one observation serves all of theta, and theta outside the prior has density 0",
          "[app][density]") {
  const Trained trained(tiny_config(), {"--set", "training.nsteps=100"});
  io::write_text(trained.file("t.csv"), "theta_1,theta_0\n0.1,0.2\n0.2,1.5\n-0.3,0.4\n");
  io::write_text(trained.file("x.csv"), "x_0,x_1\n0.1,-0.2\n");
  const auto values = printed(succeed(trained.log_prob(
      {"--theta", trained.file("t.csv"), "--x", trained.file("x.csv"), "-o", trained.file("lp.csv")})));
  CHECK(values.empty());
  const auto written = array_in(trained.file("lp.csv"), "array").to_double();
  REQUIRE(written.size() == 3);
  CHECK(std::isfinite(written[0]));
  CHECK(written[1] == -std::numeric_limits<double>::infinity());
  CHECK(std::isfinite(written[2]));
}

TEST_CASE("log-prob warns where its densities are those of the solver's steps", "[app][density]") {
  const Trained trained(tiny_config(), {"--set", "training.nsteps=100"});
  const auto warns = [&](Words extra) { return holds(succeed(trained.pairs(extra)), "steps is too coarse"); };
  CHECK(warns({"--solver", "euler", "--steps", "2", "-o", trained.file("lp.npz")}));
  CHECK_FALSE(warns({"--solver", "rk4", "--steps", "200", "-o", trained.file("fine.npz")}));
  succeed(
      {"sample", trained.run, "-q", "--x", trained.file("s.npz"), "-n", "4", "-o", trained.file("d.npz")});
  CHECK(holds(succeed(trained.log_prob({"--theta", trained.file("d.npz"), "--solver", "euler", "--steps", "2",
                                        "-o", trained.file("of_draws.npz")})),
              "of 8 points that were looked at"));
}

TEST_CASE("log-prob of a joint model warns of coarse steps, too", "[app][density][joint]") {
  const Trained trained(tiny_joint_config("flux1joint"), {"--set", "training.nsteps=100"});
  CHECK(holds(succeed(trained.log_prob({"--values", trained.file("s.npz"), "--solver", "euler", "--steps",
                                        "1", "-o", trained.file("lp.npz")})),
              "steps is too coarse"));
}

TEST_CASE("files of one command are input of the next", "[app][density]") {
  const Trained trained(tiny_config(), {"--set", "training.nsteps=100"});
  const auto file = [&](const std::string& name) { return trained.file(name); };
  succeed({"sample", trained.run, "-q", "--x", file("s.npz"), "-n", "4", "-o", file("draws.npz")});
  // Two draws that were not filled.
  auto arrays = io::load_arrays(file("draws.npz")).arrays;
  auto draws = arrays.at("samples").to_double();
  for (const size_t i : {8, 9, 46, 47}) draws[i] = std::numeric_limits<double>::quiet_NaN();
  arrays["samples"] = io::Array::from(std::span<const double>(draws), {6, 4, 2});
  io::save_arrays(file("holes.npz"), arrays);
  succeed(trained.log_prob({"--theta", file("holes.npz"), "--x", file("s.npz"), "-o", file("lp.npz")}));
  const io::Array found = array_in(file("lp.npz"), "log_prob");
  REQUIRE(found.shape == Shape{6, 4});
  const auto values = found.to_double();
  CHECK(std::isnan(values[4]));
  CHECK(std::isnan(values[23]));
  // The same points with their observations, one by one.
  std::vector<double> theta, x;
  const auto of_rows = array_in(file("s.npz"), "x").to_double();
  for (size_t i = 0; i < 24; ++i) {
    if (i == 4 || i == 23) continue;
    theta.insert(theta.end(), draws.begin() + static_cast<int64_t>(2 * i),
                 draws.begin() + static_cast<int64_t>(2 * i + 2));
    x.insert(x.end(), of_rows.begin() + static_cast<int64_t>(i / 4 * 2),
             of_rows.begin() + static_cast<int64_t>(i / 4 * 2 + 2));
  }
  io::save_arrays(file("flat.npz"), {{"theta", io::Array::from(std::span<const double>(theta), {22, 2})},
                                     {"x", io::Array::from(std::span<const double>(x), {22, 2})}});
  const auto flat =
      printed(succeed(trained.log_prob({"--theta", file("flat.npz"), "--x", file("flat.npz")})));
  std::vector<double> filled;
  for (const double value : values) {
    if (!std::isnan(value)) filled.push_back(value);
  }
  CHECK(largest_difference(filled, flat) < density_chunk_tolerance);
  refuses(trained.log_prob({"--theta", file("draws.npz"), "--x", file("flat.npz")}), "holds 6 rows and --x");
  // The observations in the sample file itself, one observation for all, and modes.
  succeed(trained.log_prob({"--theta", file("draws.npz"), "--x", file("draws.npz")}));
  io::write_text(file("x.txt"), "0.1 -0.2\n");
  succeed(trained.log_prob({"--theta", file("draws.npz"), "--x", file("x.txt"), "-o", file("one.npz")}));
  CHECK(array_in(file("one.npz"), "log_prob").shape == Shape{6, 4});
  succeed({"map", trained.run, "-q", "--x", file("draws.npz"), "-n", "20", "-o", file("map.npz")});
  succeed(trained.log_prob({"--theta", file("map.npz"), "--x", file("draws.npz"), "-o", file("at_map.npz")}));
  CHECK(largest_difference(array_in(file("at_map.npz"), "log_prob").to_double(),
                           array_in(file("map.npz"), "log_prob").to_double()) < 0.05);
  // Another key, of any command.
  io::save_arrays(file("keys.H5"),
                  {{"run/obs", array_in(file("s.npz"), "x")}, {"run/par", array_in(file("s.npz"), "theta")}});
  const auto keyed = printed(succeed(trained.log_prob(
      {"--theta", file("keys.H5"), "--theta-key", "run/par", "--x", file("keys.H5"), "--x-key", "run/obs"})));
  CHECK(keyed == printed(succeed(trained.pairs())));
  refuses(
      {"sample", trained.run, "--x", file("keys.H5"), "--x-key", "run/ob", "-n", "2", "-o", file("no.npz")},
      "'run/ob'; it holds run/obs, run/par");
}

TEST_CASE("a plot shows the parameters that are asked for", "[app][plot]") {
  const TemporaryFolder folder;
  std::vector<double> draws(13 * 200);
  for (size_t i = 0; i < draws.size(); ++i) draws[i] = std::sin(static_cast<double>(i * i));
  io::save_arrays(folder.file("s.npz"),
                  {{"samples", io::Array::from(std::span<const double>(draws), {1, 200, 13})}});
  const auto plot = [&](const std::string& name, Words extra) {
    Words words{"plot", folder.file("s.npz"), "-o", folder.file(name)};
    words.insert(words.end(), extra.begin(), extra.end());
    return words;
  };
  CHECK(holds(succeed(plot("a.svg", {"--columns", "3,theta_12"})), "wrote"));
  CHECK(holds(succeed(plot("b.svg", {})), "the first 12 of 13 parameters; --columns"));
  refuses(plot("c.svg", {"--columns", "13"}), "numbers from 0 to 12");
  refuses(plot("c.svg", {"--columns", "1,theta_1"}), "twice");
  refuses(plot("c.svg", {"--columns", "theta_99"}), "did you mean");
}

TEST_CASE("a trained network's density integrates to 1", "[app][density]") {
  const std::string method =
      GENERATE(std::string("flow"), std::string("diffusion"), std::string("score_matching"));
  CAPTURE(method);
  const TemporaryFolder folder;
  // From a file, so that no prior cuts the density off.
  succeed({"simulate", "two_moons", "-n", "3000", "-o", folder.file("data.npz")});
  io::write_text(folder.file("tiny.yaml"), tiny_config());
  succeed({"train", folder.file("tiny.yaml"), "-o", folder.file("run"), "-q", "--data",
           folder.file("data.npz"), "--set", "strategy.method=" + method, "--set", "training.nsteps=3000",
           "--set", "training.batch_size=128", "--set", "optimizer.max_lr=0.003", "--set",
           "training.val_every=500", "--set", "training.save_every=1000"});
  // Fine enough for a tiny network's moons: 48 cells a side gave .999, .998 and .993, 128 gave 1 within 2e-4.
  constexpr int64_t cells = 48;
  const test::SquareGrid grid(cells, 1.4);
  io::save_arrays(folder.file("grid.npy"), {{"theta", io::Array::from(grid.points, {cells * cells, 2})}});
  io::write_text(folder.file("x.csv"), "x_0,x_1\n0,0\n");
  succeed({"log-prob", folder.file("run"), "-q", "--theta", folder.file("grid.npy"), "--x",
           folder.file("x.csv"), "--rtol", "1e-4", "--atol", "1e-4", "-o", folder.file("lp.npy")});
  double mass = 0;
  for (const double value : array_in(folder.file("lp.npy"), "array").to_double())
    mass += std::exp(value) * grid.area;
  CHECK(std::abs(mass - 1) < 0.02);
}

TEST_CASE("theta learned on the whole line never leaves its prior and has the density of theta",
          "[app][density][prior]") {
  const TemporaryFolder folder;
  io::write_text(folder.file("tiny.yaml"), tiny_config());
  const std::vector<std::string> train{"train", folder.file("tiny.yaml"), "-o", folder.file("run"), "-q"};
  const auto trained_with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), train.begin(), train.end());
    return more;
  };
  refuses(trained_with({"--set", "prior.transform=logit", "--set", "data.task=gaussian_linear"}),
          "prior.transform: logit needs a bounded prior");
  succeed(trained_with({"--set", "prior.transform=logit", "--set", "training.nsteps=2000", "--set",
                        "training.batch_size=128", "--set", "optimizer.max_lr=0.003"}));
  io::write_text(folder.file("x.csv"), "x_0,x_1\n0,0\n");
  const auto drawn = succeed(
      {"sample", folder.file("run"), "--x", folder.file("x.csv"), "-n", "2000", "-o", folder.file("s.npz")});
  CHECK_FALSE(holds(drawn, "inside the prior's support"));  // it says so where samples are redrawn
  for (const double value : array_in(folder.file("s.npz"), "samples").to_double()) CHECK(std::abs(value) < 1);

  constexpr int64_t cells = 64;
  const test::SquareGrid grid(cells, 1);
  io::save_arrays(folder.file("grid.npy"), {{"theta", io::Array::from(grid.points, {cells * cells, 2})}});
  succeed({"log-prob", folder.file("run"), "-q", "--theta", folder.file("grid.npy"), "--x",
           folder.file("x.csv"), "--rtol", "1e-4", "--atol", "1e-4", "-o", folder.file("lp.npy")});
  double mass = 0;
  for (const double value : array_in(folder.file("lp.npy"), "array").to_double())
    mass += std::exp(value) * grid.area;
  CHECK(std::abs(mass - 1) < 0.02);
}

TEST_CASE("a joint model has the density of any columns given others", "[app][density][joint]") {
  const std::string model = GENERATE(std::string("flux1joint"), std::string("simformer"));
  const Trained trained(tiny_joint_config(model));
  const auto values = [&](Words extra) {
    extra.insert(extra.begin(), {"--values", trained.file("s.npz")});
    return trained.log_prob(extra);
  };
  const auto posterior = printed(succeed(trained.pairs()));
  CHECK(posterior.size() == 6);
  CHECK(largest_difference(printed(succeed(values({"--given-names", "x_0,x_1"}))), posterior) < 1e-9);
  const auto joint = printed(succeed(values({})));
  CHECK(joint.size() == 6);
  CHECK(largest_difference(joint, posterior) > 0.01);
  CHECK(printed(succeed(values({"--given-names", "theta_1,x_0", "--divergence", "hutchinson"}))).size() ==
        12);
  refuses(values({"--given-names", "theta_1,x_O"}), "did you mean 'x_0'");
  refuses(values({"--given-names", "x_0,x_1,theta_0,theta_1"}), "none is left");
  refuses(trained.pairs({"--values", trained.file("s.npz")}), "leave out --theta and --x");
}

TEST_CASE("a joint model's densities follow the questions that it was trained for",
          "[app][density][joint][mistake]") {
  const Trained trained(tiny_joint_config("simformer"), {"--set", "condition_mask.kind=posterior"});
  refuses(trained.log_prob({"--values", trained.file("s.npz"), "--given-names", "x_0"}),
          "condition_mask.kind = posterior");
  succeed(trained.pairs());
}

TEST_CASE("what log-prob cannot do is said before the work", "[app][density][mistake]") {
  const Trained trained(tiny_config(), {"--set", "training.nsteps=20"});
  const auto file = [&](const std::string& name) { return trained.file(name); };
  refuses(trained.pairs({"--solver", "euler_maruyama"}), "these can: euler, midpoint, heun, rk4, dopri5");
  refuses(trained.pairs({"--solver", "eular"}), "did you mean 'euler'");
  refuses(trained.pairs({"--steps", "10"}), "name a fixed-step --solver");
  refuses(trained.pairs({"--probes", "10"}), "--divergence hutchinson");
  refuses(trained.pairs({"-o", file("lp.txt")}), "the extension '.txt' cannot be written here");
  refuses(trained.log_prob({"--x", file("s.npz")}), "--theta is missing");
  refuses(trained.pairs({"--given-names", "x_0"}), "needs --values");
  refuses(trained.log_prob({"--values", file("s.npz")}), "was trained for theta given x");
  io::write_text(file("t.csv"), "theta_0,theta_1\n0.1,0.2\n0.1,nan\n");
  io::write_text(file("x.csv"), "x_0,x_1\n0.1,0.2\n");
  refuses(trained.log_prob({"--theta", file("t.csv")}), "--x is missing");
  refuses(trained.log_prob({"--theta", file("t.csv"), "--x", file("x.csv")}), "row 1 (counted from 0)");
  refuses(trained.log_prob({"--theta", file("t.csv"), "--x", file("s.npz")}), "holds 2 rows and --x");
  io::write_text(file("t.csv"), "theta_0,beta\n0.1,0.2\n");
  refuses(trained.log_prob({"--theta", file("t.csv"), "--x", file("x.csv")}), "theta_0, theta_1");
  io::save_arrays(file("t.npy"), {{"theta", io::Array::from(std::vector<float>(9, 0.1F), {3, 3})}});
  refuses(trained.log_prob({"--theta", file("t.npy"), "--x", file("x.csv")}), "give [rows, 2]");
}

TEST_CASE("map finds a theta of higher density than the samples, within the prior", "[app][map]") {
  const Trained trained(tiny_config());
  const auto map = [&](Words extra) {
    Words words{"map", trained.run, "--x", trained.file("s.npz"), "-n", "50", "--top", "3", "-o"};
    words.insert(words.end(), extra.begin(), extra.end());
    return words;
  };
  const std::string out = trained.file("map.npz");
  CHECK(holds(succeed(map({out})), "6 modes"));
  const io::Array modes = array_in(out, "map");
  CHECK(modes.shape == Shape{6, 2});
  for (const float value : modes.to_float()) CHECK(std::abs(value) <= 1);
  const auto found = array_in(out, "log_prob").to_double();
  io::save_arrays(trained.file("t.npy"), {{"map", modes}});
  const auto again =
      printed(succeed(trained.log_prob({"--theta", trained.file("t.npy"), "--x", trained.file("s.npz")})));
  CHECK(largest_difference(again, found) < density_chunk_tolerance);
  // The same seed gives the same 50 samples to `sample`, none of which is higher.
  succeed({"sample", trained.run, "--x", trained.file("s.npz"), "-n", "50", "-q", "-o",
           trained.file("draws.npz")});
  const auto draws = array_in(trained.file("draws.npz"), "samples").to_float(),
             x = array_in(trained.file("s.npz"), "x").to_float();
  for (size_t row = 0; row < 2; ++row) {
    const std::vector<float> of_row(draws.begin() + static_cast<int64_t>(row) * 100,
                                    draws.begin() + static_cast<int64_t>(row + 1) * 100);
    io::save_arrays(trained.file("draws.npy"), {{"theta", io::Array::from(of_row, {50, 2})}});
    io::save_arrays(trained.file("x.npy"),
                    {{"x", io::Array::from(std::vector<float>{x[2 * row], x[2 * row + 1]}, {1, 2})}});
    for (const double value : printed(
             succeed(trained.log_prob({"--theta", trained.file("draws.npy"), "--x", trained.file("x.npy")}))))
      CHECK(value < found[row] + 0.02);  // samples are ranked at a loose tolerance
  }
  succeed(map({trained.file("map.csv")}));
  CHECK(io::load_arrays(trained.file("map.csv")).columns == Words{"theta_0", "theta_1", "log_prob"});
  refuses(map({out}), "exists; use --force to replace it");
  refuses({"map", trained.run, "--x", trained.file("t.npy"), "-n", "0", "-o", trained.file("no.npz")},
          "--draws");
  CHECK_FALSE(std::filesystem::exists(trained.file("no.npz")));
}

}  // namespace
}  // namespace fluxsbi::test
