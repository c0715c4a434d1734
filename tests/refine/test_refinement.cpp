// Rounds from end to end: theta ~ N(0, 1), x = theta + N(0, 0.2^2), of which one observation is known.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "checkpoint/refined_for.hpp"
#include "core/log.hpp"
#include "experiment/experiment.hpp"
#include "experiment/observation_check.hpp"
#include "experiment/open_posterior.hpp"
#include "experiment/runs.hpp"
#include "io/files.hpp"
#include "refine/refinement.hpp"
#include "refine/region.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"
#include "support/user_error.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;
using test::error_of;
using test::read_file;
using test::TemporaryFolder;
using test::write_file;

namespace {

namespace fs = std::filesystem;

constexpr double observed = 0.5, noise = 0.2;
constexpr double posterior_mean = observed / (1 + noise * noise), posterior_sd = 0.19612;

const char* const program =
    "BEGIN { srand(ENVIRON[\"FLUXSBI_SEED\"] + 0) }\n"
    "NR > 1 { printf \"%.9g\\n\", $1 + 0.2 * sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand()) }\n";

std::string config_in(const TemporaryFolder& folder) {
  return "simulator: {command: \"awk -F, -f " + folder.file("noise.awk") +
         "\", batch: 50, workers: 1}\n"
         "prior: {kind: normal, mean: [0], scale: [1]}\n"
         "strategy: {method: flow, model: flux1}\n"
         "model: {depth: 1, depth_single_blocks: 1, num_heads: 2, axes_dim: [8], mlp_ratio: 2, param_dtype: "
         "float32,\n        id_embedding_strategy: [absolute, absolute]}\n"
         "optimizer: {max_lr: 3.0e-3}\n"
         "training: {nsteps: 250, batch_size: 64, val_every: 50, save_every: 50, ema_decay: 0.95}\n"
         "data: {validation_fraction: 0.2}\n";
}

refine::RefinementRequest request_in(const TemporaryFolder& folder, const std::string& name) {
  core::log::set_level(core::log::Level::error);
  write_file(folder.file("noise.awk"), program);
  write_file(folder.file("mine.yaml"), config_in(folder));
  write_file(folder.file("x.csv"), "x_0\n0.5\n");
  refine::RefinementRequest request;
  request.subject = folder.file("mine.yaml");
  request.x = folder.file("x.csv");
  request.folder = folder.file(name);
  request.rounds = 2;
  request.simulations = 200;
  request.epsilon = 1e-3;
  request.execution = {"cpu", "auto"};
  return request;
}

std::vector<double> theta_of(const std::string& file) {
  return io::load_arrays(file, {"theta"}).arrays.at("theta").to_double();
}

// The region of round 2, built again from what the rounds left.
refine::Region second_region(const std::string& out) {
  const auto found = nlohmann::json::parse(read_file(out + "/rounds/2/region.json"));
  REQUIRE(found.at("kind") == "density");
  refine::Region region(1, {observed});
  region.cut({found.at("low").get<std::vector<double>>(), found.at("high").get<std::vector<double>>()});
  const auto model = checkpoint::load_model(out + "/rounds/1/model.safetensors");
  region.hold(
      std::make_shared<sample::Posterior>(experiment::make_posterior(model, {"cpu", "auto"}, "float32")),
      found.at("least_log_density").get<double>());
  return region;
}

double density(double z) {
  return std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi);
}

double below(double z) {
  return std::erfc(-z / std::numbers::sqrt2) / 2;
}

// Mean and variance against those of N(0, 1) between the ends of what was drawn.
void check_truncated_normal(const std::vector<double>& theta) {
  const auto [low, high] = std::minmax_element(theta.begin(), theta.end());
  const double mass = below(*high) - below(*low), count = static_cast<double>(theta.size());
  const double mean = (density(*low) - density(*high)) / mass;
  const double variance = 1 + (*low * density(*low) - *high * density(*high)) / mass - mean * mean;
  double sum = 0, squares = 0;
  for (const double value : theta) {
    sum += value;
    squares += value * value;
  }
  CHECK(std::abs(sum / count - mean) < 4 * std::sqrt(variance / count));
  CHECK(std::abs((squares / count - std::pow(sum / count, 2)) / variance - 1) < 4 * std::sqrt(2 / count));
}

void check_rows(const std::string& out) {
  const refine::Region region = second_region(out);
  const auto first = theta_of(out + "/rounds/1/simulations.npz");
  const auto second = theta_of(out + "/rounds/2/simulations.npz");
  const auto all = theta_of(out + "/rounds/2/training.npz");
  REQUIRE(second.size() == 200);
  const auto inside = region.contains(second);
  CHECK(std::count(inside.begin(), inside.end(), uint8_t{0}) == 0);
  const auto kept = region.contains(first);
  const auto count = std::count(kept.begin(), kept.end(), uint8_t{1});
  CHECK(count > 10);
  CHECK(count < 190);
  // All rows train, those of the first round outside the region as well.
  std::vector<double> both = first;
  both.insert(both.end(), second.begin(), second.end());
  CHECK(all == both);
  const auto summary = nlohmann::json::parse(read_file(out + "/rounds/2/round.json"));
  CHECK(summary.at("rows") == 400);
  CHECK(summary.at("inside") == 200 + count);
  check_truncated_normal(second);
  // Those inside are draws of one restricted prior, whichever round drew them.
  std::vector<double> of_region = second;
  for (size_t row = 0; row < first.size(); ++row) {
    if (kept[row]) of_region.push_back(first[row]);
  }
  check_truncated_normal(of_region);
  // Nearly all of the exact posterior lies inside, and the prior's tails do not.
  std::vector<double> points;
  for (const double z : {-2.5, -1.0, 0.0, 1.0, 2.5}) points.push_back(posterior_mean + z * posterior_sd);
  const auto likely = region.contains(points);
  CHECK(std::count(likely.begin(), likely.end(), uint8_t{1}) == 5);
  const auto unlikely = region.contains(std::vector{-2.0, 3.0});
  CHECK(std::count(unlikely.begin(), unlikely.end(), uint8_t{1}) == 0);
}

// The model is held to the prior's support, and claims no density there: its rows follow a mixture.
void check_prior(const std::string& out) {
  const auto config = experiment::read_experiment(config::load_yaml(out + "/rounds/2/config.yaml"));
  CHECK(config.prior.kind == data::PriorKind::custom);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  CHECK(config.prior.low == std::vector{-infinity});
  CHECK(config.prior.high == std::vector{infinity});
  const auto first = experiment::read_experiment(config::load_yaml(out + "/rounds/1/config.yaml"));
  CHECK(first.prior.kind == data::PriorKind::normal);
}

void check_answer(const std::string& out) {
  const auto model = checkpoint::load_model(out + "/model.safetensors");
  CHECK(checkpoint::refined_for(model) == std::vector{observed});
  sample::Posterior posterior = experiment::make_posterior(model, {"cpu", "auto"}, "float32");
  const auto drawn = posterior.sample(std::vector{observed}, 1, 1000, 1, 0, posterior.sampling());
  double sum = 0, squares = 0;
  for (const double value : drawn.values) {
    sum += value / 1000;
    squares += value * value / 1000;
  }
  CHECK(std::abs(sum - posterior_mean) < 0.12);
  CHECK(std::abs(std::sqrt(squares - sum * sum) / posterior_sd - 1) < 0.6);
  using experiment::check_observations;
  check_observations(posterior, std::vector{observed}, {0, 1}, "x.csv", /*strict=*/true);
  CHECK_THROWS_WITH(check_observations(posterior, std::vector{observed, 0.6}, {0, 2}, "x.csv", true),
                    ContainsSubstring("1 row of 2") && ContainsSubstring("row 1"));
}

}  // namespace

TEST_CASE("rounds keep what lies in the region, and a refinement that was stopped ends with the same bits",
          "[refine]") {
  const TemporaryFolder folder;
  const refine::RefinementRequest request = request_in(folder, "out");
  refine::refine(request);
  check_rows(request.folder);
  check_prior(request.folder);
  check_answer(request.folder);
  const std::string model = read_file(folder.file("out/model.safetensors"));
  const std::string second = folder.file("out/rounds/2/");
  // Stopped while it trained, after it had simulated, and before it had drawn theta.
  const std::vector<std::vector<std::string>> gone{
      {"model.safetensors", "round.json"},
      {"model.safetensors", "round.json", "checkpoints", "config.yaml", "training.npz", "metrics.jsonl",
       "train.log", "data.json"},
      {"model.safetensors", "round.json", "checkpoints", "config.yaml", "training.npz", "metrics.jsonl",
       "train.log", "data.json", "simulations.npz", "theta.npz", "region.json"}};
  for (const auto& names : gone) {
    for (const std::string& name : names) fs::remove_all(second + name);
    fs::remove(folder.file("out/model.safetensors"));
    refine::refine(request);
    CHECK(read_file(folder.file("out/model.safetensors")) == model);
  }
}

TEST_CASE("another request finds the folder taken, and more rounds go on from those that are there",
          "[refine]") {
  const TemporaryFolder folder;
  refine::RefinementRequest request = request_in(folder, "out");
  request.rounds = 1;
  request.assignments = {"training.nsteps=20", "training.val_every=10"};
  refine::refine(request);
  const std::string first = read_file(folder.file("out/rounds/1/model.safetensors"));
  refine::RefinementRequest other = request;
  other.simulations = 300;
  CHECK_THAT(error_of([&] { refine::refine(other); }), ContainsSubstring("simulations 200") &&
                                                           ContainsSubstring("simulations 300") &&
                                                           ContainsSubstring("--force"));
  request.rounds = 2;
  refine::refine(request);
  CHECK(read_file(folder.file("out/rounds/1/model.safetensors")) == first);
  CHECK(fs::exists(folder.file("out/rounds/2/round.json")));
}

TEST_CASE("what a version with another rule of rows left unfinished is refused, and what it finished stays",
          "[refine]") {
  const TemporaryFolder folder;
  refine::RefinementRequest request = request_in(folder, "out");
  request.rounds = 1;
  request.assignments = {"training.nsteps=20", "training.val_every=10"};
  refine::refine(request);
  const std::string note = folder.file("out/refinement.json");
  auto older = nlohmann::json::parse(read_file(note));
  older.erase("rows");
  write_file(note, older.dump());
  const std::string model = read_file(folder.file("out/model.safetensors"));
  refine::refine(request);
  CHECK(read_file(folder.file("out/model.safetensors")) == model);
  request.rounds = 2;
  CHECK_THAT(error_of([&] { refine::refine(request); }), ContainsSubstring("earlier version") &&
                                                             ContainsSubstring("round 2") &&
                                                             ContainsSubstring("--force"));
  CHECK_FALSE(fs::exists(folder.file("out/rounds/2")));
  request.force = true;
  refine::refine(request);
  CHECK(nlohmann::json::parse(read_file(note)).at("rows") == "all");
  CHECK(fs::exists(folder.file("out/rounds/2/round.json")));
}

TEST_CASE("a run's rows and model are the first round", "[refine]") {
  const TemporaryFolder folder;
  refine::RefinementRequest request = request_in(folder, "out");
  std::vector<double> theta, x;
  core::Philox random(1, core::Purpose::test);
  for (int i = 0; i < 150; ++i) {
    theta.push_back(static_cast<float>(random.normal()));
    x.push_back(static_cast<float>(theta.back() + noise * random.normal()));
  }
  const auto save = [&] {
    io::save_arrays(folder.file("rows.npz"),
                    {{"theta", io::Array::from(std::span<const double>(theta), {150, 1})},
                     {"x", io::Array::from(std::span<const double>(x), {150, 1})}});
  };
  save();
  const std::string run = folder.file("run");
  config::Value document = config::parse_yaml(config_in(folder), "mine.yaml");
  for (const std::string assignment :
       {"training.nsteps=20", "training.val_every=10", "training.save_every=10"})
    config::set_from_command_line(document, assignment);
  config::set_from_command_line(document, "data.file=" + folder.file("rows.npz"));
  experiment::start_run(document, {run, false, {"cpu", "auto"}});
  request.subject = run;
  refine::refine(request);
  CHECK(theta_of(folder.file("out/rounds/1/simulations.npz")) == theta);
  CHECK(read_file(folder.file("out/rounds/1/model.safetensors")) == read_file(run + "/model.safetensors"));
  CHECK(theta_of(folder.file("out/rounds/2/simulations.npz")).size() == 200);
}
