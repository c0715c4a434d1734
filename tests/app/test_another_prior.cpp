// Samples under another prior than that of the training.
#include <array>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "app/expect.hpp"
#include "app/program.hpp"
#include "core/philox.hpp"
#include "io/atomic_file.hpp"
#include "io/files.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

// A tiny model of two_moons, whose prior is the box [-1, 1]^2, and three observations.
struct BoxPosterior {
  TemporaryFolder folder;

  BoxPosterior() {
    io::write_text(at("tiny.yaml"), tiny_config());
    succeed({"train", at("tiny.yaml"), "-o", at("run"), "-q", "--set", "training.nsteps=60"});
    io::write_text(at("x.csv"), "x_0,x_1\n0.1,0.2\n-0.1,0.3\n0.4,-0.2\n");
    io::write_text(at("half.yaml"), "prior: {kind: box, low: [-1, -1], high: [0, 1]}\n");
  }
  std::string at(const std::string& name) const { return folder.file(name); }
  std::vector<std::string> sampling(const std::string& prior, const std::vector<std::string>& more) const {
    std::vector<std::string> words{"sample", at("run"), "--x",     at("x.csv"),
                                   "-n",     "400",     "--prior", at(prior)};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
};

}  // namespace

TEST_CASE("samples under a narrower prior lie within it, and shards merge to the same file", "[app][prior]") {
  const BoxPosterior posterior;
  const std::string said = succeed(posterior.sampling("half.yaml", {"-o", posterior.at("all.npz")}));
  CHECK(holds(said, "a row's draws are worth"));
  const auto all = samples_in(posterior.at("all.npz"));
  REQUIRE(all.size() == 3 * 400 * 2);
  for (size_t i = 0; i < all.size(); i += 2)
    CHECK((all[i] >= -1 && all[i] <= 0 && std::abs(all[i + 1]) <= 1));
  for (const std::string part : {"0", "1"})
    succeed(posterior.sampling("half.yaml", {"--shard", part + "/2", "-o", posterior.at(part + ".npz")}));
  succeed({"merge", posterior.at("0.npz"), posterior.at("1.npz"), "-o", posterior.at("merged.npz")});
  const auto merged = samples_in(posterior.at("merged.npz"));
  REQUIRE(merged.size() == all.size());
  for (size_t i = 0; i < all.size(); ++i) CHECK(std::abs(merged[i] - all[i]) < 1e-4f);  // other chunks
}

TEST_CASE("who reads samples under another prior is told", "[app][prior]") {
  const BoxPosterior posterior;
  const std::string target = "samples of the posterior under the prior of " + posterior.at("half.yaml");
  const std::string plain = posterior.at("plain.npz"), out = posterior.at("all.npz");
  succeed({"sample", posterior.at("run"), "--x", posterior.at("x.csv"), "-n", "30", "-o", plain});
  for (const std::string part : {"0", "1"}) {
    succeed(posterior.sampling(
        "half.yaml", {"--min-effective", "10", "--shard", part + "/2", "-o", posterior.at(part + ".npz")}));
  }
  succeed({"merge", posterior.at("0.npz"), posterior.at("1.npz"), "-o", out});
  const auto said_of = [&](const std::string& file) {
    const std::vector<std::string> densities{"log-prob", posterior.at("run"), "--theta", file, "--solver",
                                             "euler",    "--steps",           "2"};
    const std::string report = posterior.at("report.html");
    succeed({"report", posterior.at("run"), "--samples", file, "--row", "0", "-o", report, "--force"});
    return std::array{holds(succeed({"summary", file}), target), holds(succeed(densities), "holds " + target),
                      holds(read_file(report), "These are " + target)};
  };
  CHECK(said_of(out) == std::array{true, true, true});
  CHECK(said_of(plain) == std::array{false, false, false});
}

TEST_CASE("rows whose draws are worth too little are given up and named", "[app][prior]") {
  const BoxPosterior posterior;
  io::write_text(posterior.at("spot.yaml"), "prior: {kind: box, low: [0.9, 0.9], high: [0.901, 0.901]}\n");
  const std::string out = posterior.at("none.npz");
  // More than a pool holds: draws of the new prior are worth too little as well.
  const std::vector<std::string> too_many{"--min-effective", "2000", "-o", out};
  refuses(posterior.sampling("spot.yaml", too_many), "no row has 2000 effective draws");
  CHECK_FALSE(std::filesystem::exists(out));
  auto partial = too_many;
  partial.emplace_back("--partial");
  const std::string said = succeed(posterior.sampling("spot.yaml", partial));
  CHECK(holds(said, "fewer than 2000 effective draws (--min-effective): row 0 ("));
  for (const float value : samples_in(out)) CHECK(std::isnan(value));
  const Outcome strict = run(posterior.sampling(
      "half.yaml", {"--strict", "--min-effective", "1500", "--partial", "-o", posterior.at("s.npz")}));
  INFO(strict.output);
  CHECK(strict.code == 2);
  CHECK(holds(strict.output, "too few draws decide 3 rows of 3"));
  std::string many = "x_0,x_1\n";
  for (int row = 0; row < 12; ++row) many += "0.1,0.2\n";
  io::write_text(posterior.at("x.csv"), many);
  const std::string of_many = succeed(posterior.sampling(
      "spot.yaml", {"--min-effective", "2000", "--partial", "-o", posterior.at("many.npz")}));
  CHECK(holds(of_many, "row 9 ("));
  CHECK(holds(of_many, " and 2 more: these rows hold NaN"));
}

TEST_CASE("where the model's draws are worth too little, those of the new prior are weighed",
          "[app][prior]") {
  // theta ~ N(0, 1), x = theta + N(0, 0.2^2), x = 0.5.
  const TemporaryFolder folder;
  const auto at = [&](const std::string& name) { return folder.file(name); };
  std::string rows = "theta_0,x_0\n";
  core::Philox random(3, core::Purpose::test);
  for (int row = 0; row < 1000; ++row) {
    const double theta = random.normal();
    rows += std::to_string(theta) + "," + std::to_string(theta + 0.2 * random.normal()) + "\n";
  }
  io::write_text(at("data.csv"), rows);
  io::write_text(at("mine.yaml"),
                 "prior: {kind: normal, mean: [0], scale: [1]}\n"
                 "strategy: {method: flow, model: flux1}\n"
                 "model: {depth: 1, depth_single_blocks: 1, num_heads: 2, axes_dim: [8], mlp_ratio: 2,\n"
                 "        param_dtype: float32, id_embedding_strategy: [absolute, absolute]}\n"
                 "optimizer: {max_lr: 3.0e-3}\n"
                 "training: {nsteps: 600, batch_size: 64, val_every: 100, ema_decay: 0.95}\n"
                 "data: {file: " +
                     at("data.csv") + ", regression: linear}\n");
  io::write_text(at("x.csv"), "x_0\n0.5\n");
  succeed({"train", at("mine.yaml"), "-o", at("run"), "-q"});
  const auto sampling = [&](const std::string& prior, const std::vector<std::string>& more) {
    io::write_text(at("other.yaml"), "prior: {kind: normal, " + prior + "}\n");
    std::vector<std::string> words{"sample",  at("run"),        "--x",    at("x.csv"), "-n", "1000",
                                   "--prior", at("other.yaml"), "--seed", "4",         "-o", at("out.npz"),
                                   "--force"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  const auto moments = [&] {
    const auto draws = samples_in(at("out.npz"));
    double sum = 0, squares = 0;
    for (const double draw : draws) {
      sum += draw;
      squares += draw * draw;
    }
    const double mean = sum / static_cast<double>(draws.size());
    return std::pair(mean, std::sqrt(squares / static_cast<double>(draws.size()) - mean * mean));
  };
  // Precisions 25 of the likelihood at 0.5 and 1 / 0.15^2 of the prior at 0.9: N(0.756, 0.12^2). The prior's
  // own draws, unweighed, have 0.9, and the model's 0.48. The network's own error is some hundredths.
  const std::string wide = "mean: [0.9], scale: [0.15]";
  const std::string said = succeed(sampling(wide, {"--min-effective", "1000"}));
  CHECK(holds(said, "draws of the prior of " + at("other.yaml") + " take the place of the model's"));
  const auto [mean, deviation] = moments();
  CHECK(std::abs(mean - 0.756) < 0.07);
  CHECK(std::abs(deviation / 0.12 - 1) < 0.2);
  const std::string by_model = succeed(sampling(wide, {"--pool", "40"}));
  CHECK_FALSE(holds(by_model, "take the place of"));
  CHECK(std::abs(moments().first - mean) < 0.02);
  // As narrow as a point: no draw of the model lies in it.
  succeed(sampling("mean: [0.4], scale: [1.0e-6]", {}));
  CHECK(std::abs(moments().first - 0.4) < 1e-5);
  // Thirteen deviations from the model's posterior its density says nothing.
  refuses(sampling("mean: [3], scale: [1.0e-6]", {}), "no row has 100 effective draws");
}

TEST_CASE("a prior that cannot be changed to is refused before any work", "[app][prior]") {
  const BoxPosterior posterior;
  const std::string out = posterior.at("samples.npz");
  const auto wrong = [&](const std::string& text, const std::string& part) {
    io::write_text(posterior.at("wrong.yaml"), text);
    refuses(posterior.sampling("wrong.yaml", {"-o", out}), part);
    CHECK_FALSE(std::filesystem::exists(out));
  };
  wrong("prior: {kind: box, low: [-1, -2], high: [1, 1]}\n", "outside the training prior's support");
  wrong("prior: {kind: box, low: [-1, -2], high: [1, 1]}\n", "theta_1 (");
  wrong("prior: {kind: box, low: [-1, -1, -1], high: [0, 0, 0]}\n", "wrong.yaml");
  wrong("prior: {kind: custom, low: [-1, -1], high: [0, 0]}\n", "without a density");
  wrong("prior: {kind: bix}\n", "did you mean 'box'");
  wrong("sampling: {steps: 3}\n", "section 'sampling'");
  wrong("", "holds no section prior");
  refuses(posterior.sampling("absent.yaml", {"-o", out}), "absent.yaml");
  refuses({"sample", posterior.at("run"), "--watch", "-", "-n", "5", "--prior", posterior.at("half.yaml")},
          "--prior and --watch exclude each other");
  io::write_text(posterior.at("near.yaml"), "prior: {kind: normal, mean: [0, 0], scale: [0.34, 0.34]}\n");
  CHECK(holds(succeed(posterior.sampling("near.yaml", {"-o", out})), "the posterior has none of it"));
}

TEST_CASE("a model that does not know its prior says so", "[app][prior]") {
  const BoxPosterior posterior;
  succeed({"simulate", "two_moons", "-n", "500", "-o", posterior.at("data.npz")});
  std::string config = tiny_config();
  const std::string task = "data: {task: two_moons, simulations: 2000}";
  config.replace(config.find(task), task.size(), "data: {file: " + posterior.at("data.npz") + "}");
  io::write_text(posterior.at("own.yaml"), config);
  succeed({"train", posterior.at("own.yaml"), "-o", posterior.at("own"), "-q", "--set", "training.nsteps=5"});
  refuses({"sample", posterior.at("own"), "--x", posterior.at("x.csv"), "-n", "10", "--prior",
           posterior.at("half.yaml"), "-o", posterior.at("samples.npz")},
          "does not know the prior that it was trained under");
}

}  // namespace fluxsbi::test
