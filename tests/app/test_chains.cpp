// What one command writes the next one reads: every pair of docs/exchange.md's table.
#include <cmath>
#include <filesystem>
#include <limits>

#include <catch2/catch_test_macros.hpp>

#include "app/expect.hpp"
#include "io/atomic_file.hpp"
#include "io/files.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

using Shape = std::vector<int64_t>;
using Words = std::vector<std::string>;

// A run with samples of two of its observations, as a whole and in shards.
struct Chain {
  Chain() {
    io::write_text(file("tiny.yaml"), tiny_config());
    succeed({"train", file("tiny.yaml"), "-o", run, "-q", "--set", "training.nsteps=100"});
    succeed({"simulate", "two_moons", "-n", "2", "--seed", "3", "-o", file("observed.npz")});
    sample("samples.npz");
  }
  void sample(const std::string& name, Words extra = {}) const {
    Words words{"sample", run, "--x", file("observed.npz"), "-n", "40", "-o", file(name), "-q"};
    words.insert(words.end(), extra.begin(), extra.end());
    succeed(words);
  }
  std::string file(const std::string& name) const { return folder.file(name); }

  TemporaryFolder folder;
  std::string run = folder.file("run");
};

io::Array chain_array(const std::string& path, const std::string& key) {
  return io::load_arrays(path).arrays.at(key);
}

bool same_values(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && !(std::isnan(a[i]) && std::isnan(b[i]))) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("samples are inputs of log-prob, summary, plot, c2st, simulate, sample and export",
          "[app][chain]") {
  const Chain chain;
  const auto file = [&](const std::string& name) { return chain.file(name); };
  chain.sample("samples.h5");
  chain.sample("0.npz", {"--shard", "0/2"});
  chain.sample("1.npz", {"--shard", "1/2"});
  succeed({"merge", file("1.npz"), file("0.npz"), "-o", file("merged.npz"), "-q"});
  for (const std::string name : {"samples.npz", "samples.h5", "merged.npz"}) {
    CAPTURE(name);
    const std::string samples = file(name);
    // Each draw with its own row's x, which the file holds.
    CHECK(holds(succeed({"log-prob", chain.run, "--theta", samples, "--solver", "heun", "--steps", "4", "-o",
                         file("lp.npz"), "--force"}),
                "--x is not given: taking x of " + samples));
    succeed({"log-prob", chain.run, "--theta", samples, "--x", file("observed.npz"), "--solver", "heun",
             "--steps", "4", "-o", file("lp_x.npz"), "--force", "-q"});
    const io::Array density = chain_array(file("lp.npz"), "log_prob");
    CHECK(density.shape == Shape{2, 40});
    CHECK(same_values(density.to_double(), chain_array(file("lp_x.npz"), "log_prob").to_double()));

    CHECK(holds(succeed({"summary", samples}), "observation 1: 40 draws"));
    CHECK(holds(succeed({"summary", samples, "--log-prob", file("lp.npz")}),
                "the draw of the highest log-density"));
    succeed({"plot", samples, "--row", "1", "-o", file("p.svg"), "--force", "-q"});
    CHECK(holds(succeed({"c2st", file("samples.npz"), samples, "--row", "0"}), "C2ST 0."));
    succeed({"simulate", "two_moons", "--theta", samples, "-o", file("predictive.npz"), "--force", "-q"});
    CHECK(chain_array(file("predictive.npz"), "x").shape == Shape{80, 2});
    succeed({"sample", chain.run, "--x", samples, "-n", "40", "-o", file("again.npz"), "--force", "-q"});
    CHECK(same_values(chain_array(file("again.npz"), "samples").to_double(),
                      chain_array(file("samples.npz"), "samples").to_double()));
    succeed({"map", chain.run, "--x", samples, "-n", "20", "-o", file("modes.npz"), "--force", "-q"});

    for (const std::string output : {"a.nc", "a.npz", "a.csv", "a.txt"}) {
      CAPTURE(output);
      Words words{"export",  samples,      "--log-prob",   file("lp.npz"),
                  "--prior", chain.run,    "--predictive", file("predictive.npz"),
                  "-o",      file(output), "--force"};
      if (output == "a.csv" || output == "a.txt") words.insert(words.end(), {"--row", "1"});
      succeed(words);
    }
    const auto exported = io::load_arrays(file("a.npz")).arrays;
    CHECK(same_values(exported.at("samples").to_double(), chain_array(samples, "samples").to_double()));
    CHECK(exported.at("predictive").shape == Shape{2, 40, 2});
    CHECK(exported.at("prior").shape == Shape{40, 2});
  }
  CHECK(holds(read_file(file("a.ranges")), "theta_0 -1 1"));
}

TEST_CASE("plot draws the prior of a run, of a config, of a task and of a file", "[app][chain][prior]") {
  const Chain chain;
  const auto file = [&](const std::string& name) { return chain.file(name); };
  const auto picture = [&](const Words& extra) {
    Words words{"plot", file("samples.npz"), "--row", "0", "-o", file("p.svg"), "--force", "-q"};
    words.insert(words.end(), extra.begin(), extra.end());
    succeed(words);
    return read_file(file("p.svg"));
  };
  const std::string box = "prior: {kind: box, low: [-1, -1], high: [1, 1]}\n";
  io::write_text(file("box.yaml"), box);
  io::write_text(file("wide.yaml"), "prior: {kind: normal, mean: [0], scale: [3]}\n");
  io::write_text(file("custom.yaml"), "prior: {kind: custom}\n");
  io::write_text(file("other.yaml"), "data: {task: gaussian_linear}\n");
  const std::string of_run = picture({"--prior", chain.run});
  CHECK(holds(of_run, ">prior<"));
  CHECK_FALSE(holds(picture({}), ">prior<"));
  CHECK(picture({"--prior", file("box.yaml")}) == of_run);
  CHECK(picture({"--prior", file("tiny.yaml")}) == of_run);  // it names the task alone
  CHECK(picture({"--prior", file("wide.yaml")}) != of_run);
  succeed({"simulate", "two_moons", "-n", "500", "-o", file("draws.npz"), "-q"});
  CHECK(holds(picture({"--prior", file("draws.npz")}), ">prior<"));
  const auto refused = [&](const std::string& prior, const std::string& part) {
    refuses({"plot", file("samples.npz"), "--row", "0", "--prior", file(prior), "-o", file("none.svg")},
            part);
    CHECK_FALSE(std::filesystem::exists(file("none.svg")));
  };
  refused("custom.yaml", "prior.kind = custom cannot be drawn from");
  refused("other.yaml", "the task gaussian_linear has 10 parameters, the samples have 2");
  refused("missing.yaml", "cannot be read");
}

TEST_CASE("what export writes is read again by summary, plot, c2st, simulate and log-prob", "[app][chain]") {
  const Chain chain;
  const auto file = [&](const std::string& name) { return chain.file(name); };
  for (const std::string output : {"one.csv", "one.npz", "one.nc", "one.txt"}) {
    CAPTURE(output);
    succeed({"export", file("samples.npz"), "--row", "1", "-o", file(output), "-q"});
    CHECK(holds(succeed({"summary", file(output)}), "40 draws"));
    CHECK(holds(
        succeed({"c2st", file(output), file("samples.npz"), "--row", "1", "--reference-row", "0", "--json"}),
        "\"dimensions\":2"));
    succeed({"plot", file(output), "-o", file("p.svg"), "--force", "-q"});
  }
  const auto summary = [&](const std::string& name) {
    const std::string text = succeed({"summary", file(name), "--csv", "-q"});
    return text.substr(text.find('\n'));
  };
  CHECK(summary("one.nc") == summary("one.npz"));
  CHECK(summary("one.csv") == summary("one.txt"));
  for (const std::string name : {"one.npz", "one.csv"}) {
    succeed({"simulate", "two_moons", "--theta", file(name), "-o", file("p.npz"), "--force", "-q"});
    succeed({"log-prob", chain.run, "--theta", file(name), "--x", file("one.npz"), "--solver", "euler",
             "--steps", "2", "-o", file("lp.csv"), "--force", "-q"});
  }
}

TEST_CASE("modes are inputs of log-prob, summary, plot, c2st and simulate", "[app][chain]") {
  const Chain chain;
  const auto file = [&](const std::string& name) { return chain.file(name); };
  succeed({"map", chain.run, "--x", file("observed.npz"), "-n", "20", "-o", file("modes.npz"), "-q"});
  succeed({"log-prob", chain.run, "--theta", file("modes.npz"), "--x", file("observed.npz"), "-o",
           file("lp.npz"), "-q"});
  CHECK(chain_array(file("lp.npz"), "log_prob").shape == Shape{2});
  CHECK(holds(succeed({"summary", file("modes.npz")}), "2 draws"));
  succeed({"plot", file("modes.npz"), "-o", file("p.svg"), "-q"});
  succeed({"simulate", "two_moons", "--theta", file("modes.npz"), "-o", file("at_modes.npz"), "-q"});
  CHECK(chain_array(file("at_modes.npz"), "x").shape == Shape{2, 2});
}

TEST_CASE("commands that read draws count those that hold NaN, and refuse a file of nothing else",
          "[app][chain][error]") {
  const Chain chain;
  const auto file = [&](const std::string& name) { return chain.file(name); };
  io::Arrays arrays = io::load_arrays(file("samples.npz")).arrays;
  std::vector<float> values = arrays.at("samples").to_float();
  const auto save = [&](const std::string& name) {
    arrays.at("samples") = io::Array::from(std::span<const float>(values), {2, 40, 2});
    io::save_arrays(file(name), arrays);
  };
  values[2] = std::numeric_limits<float>::quiet_NaN();  // one number of draw 1 of row 0
  save("hole.npz");
  for (size_t i = 80; i < values.size(); ++i) values[i] = std::numeric_limits<float>::quiet_NaN();
  save("lost_row.npz");
  std::fill(values.begin(), values.end(), std::numeric_limits<float>::quiet_NaN());
  save("nothing.npz");

  const auto words = [&](const std::string& name, const std::string& row) {
    return std::vector<Words>{
        {"plot", file(name), "--row", row, "--force", "-o", file("p.svg")},
        {"report", chain.run, "--samples", file(name), "--row", row, "--force", "-o", file("r.html")},
        {"export", file(name), "--row", row, "--force", "-o", file("e.csv")},
        {"summary", file(name), "--row", row}};
  };
  for (const Words& command : words("hole.npz", "0")) {
    CAPTURE(command[0]);
    const std::string said = succeed(command);
    CHECK((holds(said, "1 of 40 draws") || holds(said, "39 draws, 1 more")));
  }
  for (const Words& command : words("lost_row.npz", "1")) refuses(command, "none of its 40 draws");
  refuses({"c2st", file("hole.npz"), file("samples.npz"), "--row", "0"}, "1 of 40 rows hold NaN or infinity");
  const auto log_prob = [&](const std::string& name) {
    return Words{"log-prob", chain.run, "--theta", file(name), "--x", file("observed.npz"), "--solver",
                 "heun",     "--steps", "2",       "--force",  "-o",  file("lp.npz")};
  };
  CHECK(holds(succeed(log_prob("hole.npz")), "hole.npz: 1 of 80 draws hold NaN"));
  CHECK(holds(succeed(log_prob("lost_row.npz")), "41 of 80 draws hold NaN"));
  refuses(log_prob("nothing.npz"), "holds no draw that was filled");
}

TEST_CASE("a plot says which parameters of a reference of another size it draws", "[app][chain][error]") {
  const TemporaryFolder folder;
  const auto draws = [&](const std::string& name, int64_t size) {
    std::vector<double> values(static_cast<size_t>(60 * size));
    for (size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<double>(i * i));
    io::save_arrays(folder.file(name),
                    {{"samples", io::Array::from(std::span<const double>(values), {60, size})}});
    return folder.file(name);
  };
  const std::string two = draws("two.npz", 2), three = draws("three.npz", 3), one = draws("one.npz", 1);
  const auto plot = [&](Words extra) {
    extra.insert(extra.begin(), {"plot", two, "--force", "-o", folder.file("p.svg")});
    return extra;
  };
  CHECK(holds(succeed(plot({"--reference", three})),
              "three.npz holds 3 parameters, the samples 2: theta_0, theta_1 of it are drawn"));
  CHECK(holds(succeed(plot({"--prior", three})), "three.npz holds 3 parameters"));
  refuses(plot({"--reference", one}), "one.npz holds 1 parameter, but the plot draws 2");
  refuses(plot({"--truth", "1,2,3"}), "--truth has 3 numbers, but");
  refuses({"c2st", two, three}, "compare samples of the same parameters");
}

TEST_CASE("answers of a joint model are inputs of log-prob, summary and export", "[app][chain][joint]") {
  const TemporaryFolder folder;
  const std::string run = folder.file("run");
  io::write_text(folder.file("tiny.yaml"), tiny_joint_config("simformer"));
  succeed({"train", folder.file("tiny.yaml"), "-o", run, "-q", "--set", "training.nsteps=40"});
  io::write_text(folder.file("q.csv"), "theta_0,x_0,x_1\n0.5,,0.1\n0.2,0.2,\n,0.1,0.1\n");
  succeed({"sample", run, "--given", folder.file("q.csv"), "-n", "10", "-o", folder.file("a.npz"), "-q"});
  const Words fast{"--solver", "heun", "--steps", "4", "-q", "--force"};
  const auto log_prob = [&](Words words) {
    words.insert(words.begin(), {"log-prob", run, "-o", folder.file("lp.npz")});
    words.insert(words.end(), fast.begin(), fast.end());
    succeed(words);
    return chain_array(folder.file("lp.npz"), "log_prob");
  };
  const io::Array density = log_prob({"--values", folder.file("a.npz")});
  CHECK(density.shape == Shape{3, 10});
  CHECK(same_values(log_prob({"--theta", folder.file("a.npz")}).to_double(), density.to_double()));
  // The same points by hand: those of row 0, given theta_0 and x_1.
  const auto samples = chain_array(folder.file("a.npz"), "samples").to_double();
  std::vector<double> theta, x;
  for (size_t draw = 0; draw < 10; ++draw) {
    theta.insert(theta.end(), {samples[draw * 4], samples[draw * 4 + 1]});
    x.insert(x.end(), {samples[draw * 4 + 2], samples[draw * 4 + 3]});
  }
  io::save_arrays(folder.file("points.npz"),
                  {{"theta", io::Array::from(std::span<const double>(theta), {10, 2})},
                   {"x", io::Array::from(std::span<const double>(x), {10, 2})}});
  const auto by_hand =
      log_prob({"--values", folder.file("points.npz"), "--given-names", "theta_0,x_1"}).to_double();
  for (size_t i = 0; i < 10; ++i) CHECK(std::abs(by_hand[i] - density.to_double()[i]) < 1e-4);
  refuses({"log-prob", run, "--values", folder.file("a.npz"), "--given-names", "x_0"},
          "says itself what each of its rows was asked with");
  CHECK(holds(succeed({"summary", folder.file("a.npz"), "--row", "1"}), "x_1"));
  refuses({"export", folder.file("a.npz"), "-o", folder.file("a.nc")}, "choose one observation with --row");
  succeed({"export", folder.file("a.npz"), "--row", "2", "-o", folder.file("a.nc"), "-q"});
}

TEST_CASE("summary and export say what is wrong before anything is written", "[app][chain][error]") {
  const TemporaryFolder folder;
  const std::string samples = folder.file("s.npz");
  const std::vector<double> values{1, 2, 3, 4, 5, 6, 7, 8};
  io::save_arrays(samples, {{"samples", io::Array::from(std::span<const double>(values), {2, 2, 2})}});
  refuses({"export", samples, "-o", folder.file("a.zarr")},
          "export writes .nc (netCDF-4: ArviZ, xarray), .csv");
  refuses({"export", samples, "-o", folder.file("a.csv")}, "choose one with --row (0..1)");
  refuses({"export", samples, "--row", "0", "--draws-first", "-o", folder.file("a.csv")}, "--draws-first");
  refuses({"export", folder.path(), "-o", folder.file("a.nc")}, "holds no samples.npz or samples.h5");
  refuses({"summary", samples, "--row", "2"}, "row 2 is not among its observations (0..1)");
  refuses({"summary", samples, "--quantiles", "0.5,1.5"}, "--quantiles names 1.5");
  refuses({"summary", samples, "--csv", "--json"}, "--csv and --json are two formats");
  refuses({"summary", samples, "--log-prob", samples}, "has the shape [2, 2, 2]");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
  succeed({"export", samples, "-o", folder.file("a.nc")});
  refuses({"export", samples, "-o", folder.file("a.nc")}, "exists; use --force to replace it");
}

}  // namespace fluxsbi::test
