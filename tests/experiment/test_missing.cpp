// Models that know missing values of x, against a posterior that is known.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "checkpoint/training_state.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/philox.hpp"
#include "data/files/observations.hpp"
#include "experiment/open_posterior.hpp"
#include "experiment/training_run.hpp"
#include "io/files.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"
#include "support/user_error.hpp"

namespace {

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinAbs;
using test::TemporaryFolder;

constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr double noise = 0.5;  // of x_i = theta_i + noise n with theta_i ~ N(0, 1)
const experiment::Execution cpu{"cpu", "auto"};

// Pairs [rows, 2]; each value of x is missing with this probability.
void save_pairs(const std::string& path, int64_t rows, double missing) {
  core::Philox random(1, core::Purpose::test);
  std::vector<float> theta, x;
  for (int64_t i = 0; i < 2 * rows; ++i) {
    const double value = random.normal(), seen = value + noise * random.normal();
    theta.push_back(static_cast<float>(value));
    x.push_back(random.uniform() < missing ? nan : static_cast<float>(seen));
  }
  io::save_arrays(path, {{"theta", io::Array::from(std::span<const float>(theta), {rows, 2})},
                         {"x", io::Array::from(std::span<const float>(x), {rows, 2})}});
}

experiment::Experiment experiment_of(const std::string& model, const std::string& data, int64_t steps) {
  core::log::set_level(core::log::Level::warning);
  std::string section =
      "{depth: 1, depth_single_blocks: 2, num_heads: 2, axes_dim: [8], param_dtype: float32, "
      "id_embedding_strategy: [absolute, absolute]}";
  if (model == "flux1joint") {
    section =
        "{depth_single_blocks: 3, num_heads: 2, id_merge_mode: concat, val_emb_dim: 4, cond_emb_dim: 2, "
        "id_emb_dim: 4, param_dtype: float32}";
  }
  if (model == "simformer")
    section = "{dim_value: 10, dim_id: 4, dim_condition: 4, num_heads: 2, num_layers: 2}";
  return experiment::read_experiment(config::parse_yaml(
      "strategy: {method: flow, model: " + model + "}\nmodel: " + section + "\ndata: " + data +
          "\ncondition_mask: {posterior: 0.8}\noptimizer: {max_lr: 3.0e-3}\ntraining: {nsteps: " +
          std::to_string(steps) + ", batch_size: 128, ema_decay: 0.99, val_every: " +
          std::to_string(steps / 2) + ", save_every: " + std::to_string(steps / 2) + "}\n",
      "holes.yaml"));
}

void train(const std::string& run, const std::string& model, const std::string& data, int64_t steps) {
  experiment::start_training(run, experiment_of(model, data, steps), cpu);
}

// Numbers as observations have them.
using Values = decltype(data::Observations::x);

struct Moments {
  double mean, sd;
};

// Of each theta given each row of x.
std::vector<std::array<Moments, 2>> answers(sample::Posterior& posterior, const Values& x) {
  constexpr int64_t draws = 1500;
  const int64_t rows = std::ssize(x) / 2;
  const auto samples = posterior.sample(x, rows, draws, 3, 0, posterior.sampling());
  std::vector<std::array<Moments, 2>> found(static_cast<size_t>(rows));
  for (size_t row = 0; row < found.size(); ++row) {
    for (size_t j = 0; j < 2; ++j) {
      double sum = 0, squares = 0;
      for (size_t i = 0; i < draws; ++i) {
        const double value = samples.values[(row * draws + i) * 2 + j];
        sum += value / draws;
        squares += value * value / draws;
      }
      found[row][j] = {sum, std::sqrt(squares - sum * sum)};
    }
  }
  return found;
}

// 1,500 draws and a small network: standard errors of .03, and about as much bias.
void check_answers(sample::Posterior& posterior, double tolerance = 0.12) {
  const double shrink = 1 / (1 + noise * noise), sd = noise * std::sqrt(shrink);
  const Values x{0.7F, -0.4F, 0.7F, nan, nan, -0.4F, nan, nan};
  const auto found = answers(posterior, x);
  for (size_t i = 0; i < x.size(); ++i) {
    CAPTURE(i);
    const Moments& moments = found[i / 2][i % 2];
    CHECK_THAT(moments.mean, WithinAbs(std::isnan(x[i]) ? 0 : shrink * x[i], tolerance));
    CHECK_THAT(moments.sd, WithinAbs(std::isnan(x[i]) ? 1 : sd, tolerance));
  }
}

TEST_CASE("where x_1 is missing the posterior of theta_1 is its prior", "[experiment][missing][slow]") {
  const TemporaryFolder folder;
  save_pairs(folder.file("holes.npz"), 6000, 0.4);
  for (const char* model : {"flux1", "flux1joint", "simformer"}) {
    CAPTURE(model);
    const std::string run = folder.file(model);
    train(run, model, "{file: " + folder.file("holes.npz") + ", nan: impute}", 1500);
    sample::Posterior posterior = experiment::open_posterior(run, cpu, "float32");
    check_answers(posterior);
    // The density of a missing pair is the prior's: -log(2 pi) at 0.
    const Values theta{0, 0}, x{nan, nan};
    const auto density = posterior.log_prob(theta, 1, x, 1, {}, posterior.sampling());
    CHECK_THAT(density.values[0], WithinAbs(-std::log(2 * std::acos(-1.0)), 0.25));
  }
}

TEST_CASE("a joint model of complete data infers what --x lacks, and has no density for it",
          "[experiment][missing][slow]") {
  const TemporaryFolder folder;
  save_pairs(folder.file("whole.npz"), 6000, 0);
  const std::string data = "{file: " + folder.file("whole.npz") + "}";
  train(folder.file("joint"), "flux1joint", data, 1500);
  sample::Posterior joint = experiment::open_posterior(folder.file("joint"), cpu, "float32");
  check_answers(joint, 0.25);  // one row in eight trains the question in which nothing is given
  const Values theta{0, 0}, x{nan, 0};
  const auto density = [&] { joint.log_prob(theta, 1, x, 1, {}, joint.sampling()); };
  CHECK_THAT(test::error_of(density), ContainsSubstring("train with data.nan: impute"));
}

TEST_CASE("a model that was trained without impute refuses NaN in x", "[experiment][missing]") {
  const TemporaryFolder folder;
  save_pairs(folder.file("whole.npz"), 200, 0);
  train(folder.file("plain"), "flux1", "{file: " + folder.file("whole.npz") + "}", 4);
  const sample::Posterior plain = experiment::open_posterior(folder.file("plain"), cpu, "float32");
  const std::vector<float> hole{nan, 0};
  io::save_arrays(folder.file("x.npz"), {{"x", io::Array::from(std::span<const float>(hole), {1, 2})}});
  const auto load = [&] { data::load_observations(folder.file("x.npz"), plain.shape(), {}, plain.joint()); };
  CHECK_THAT(test::error_of(load), ContainsSubstring("x_0") && ContainsSubstring("data.nan: impute"));
}

TEST_CASE("models of series of varying length take shorter observations",
          "[experiment][missing][embedding]") {
  const TemporaryFolder folder;
  core::Philox random(2, core::Purpose::test);
  constexpr int64_t rows = 120, length = 6;
  std::vector<float> theta, x;
  for (int64_t row = 0; row < rows; ++row) {
    theta.push_back(static_cast<float>(random.normal()));
    for (int64_t i = 0; i < length; ++i)
      x.push_back(i <= row % length ? static_cast<float>(theta.back() + random.normal()) : nan);
  }
  io::save_arrays(folder.file("series.npz"),
                  {{"theta", io::Array::from(std::span<const float>(theta), {rows, 1})},
                   {"x", io::Array::from(std::span<const float>(x), {rows, length, 1})}});
  const std::vector<float> three{0.5F, 0.2F, 0.9F}, filled{0.5F, 0.2F, 0.9F, nan, nan, nan};
  io::save_arrays(folder.file("three.npz"),
                  {{"x", io::Array::from(std::span<const float>(three), {1, 3, 1})}});
  io::save_arrays(folder.file("six.npz"),
                  {{"x", io::Array::from(std::span<const float>(filled), {1, 6, 1})}});
  const std::string flux =
      "model: {depth: 1, depth_single_blocks: 1, num_heads: 2, axes_dim: [4], "
      "id_embedding_strategy: [absolute, absolute]}\n";
  const std::vector<std::string> configs{
      flux, flux + "embedding: {network: cnn1d, channels: [4], features: 6, output: vector, pooling: mean}\n",
      flux + "embedding: {network: patchify, patch: [2], features: 6}\n",
      flux + "embedding: {network: mlp, hidden: 8, features: 6}\n",
      "strategy: {model: simformer}\nmodel: {dim_value: 4, dim_id: 2, dim_condition: 2, num_heads: 2, "
      "num_layers: 1}\n"};
  for (size_t i = 0; i < configs.size(); ++i) {
    CAPTURE(configs[i]);
    const std::string run = folder.file("run_" + std::to_string(i));
    experiment::start_training(run,
                               experiment::read_experiment(config::parse_yaml(
                                   configs[i] + "data: {file: " + folder.file("series.npz") +
                                       ", nan: pad}\ntraining: {nsteps: 6, batch_size: 16, val_every: 6}\n",
                                   "series.yaml")),
                               cpu);
    sample::Posterior posterior = experiment::open_posterior(run, cpu, "float32");
    const auto sample = [&](const char* name) {
      const auto observed =
          data::load_observations(folder.file(name), posterior.shape(), {}, posterior.joint());
      return posterior.sample(observed.x, observed.rows, 20, 3, 0, posterior.sampling());
    };
    const auto samples = sample("three.npz");
    CHECK(samples.unfilled() == 0);
    CHECK(samples.values == sample("six.npz").values);
  }
}

TEST_CASE("a run with missing values that was stopped and resumed is the one that was not",
          "[experiment][missing]") {
  const TemporaryFolder folder;
  save_pairs(folder.file("holes.npz"), 300, 0.3);
  for (const char* model : {"flux1", "simformer"}) {
    CAPTURE(model);
    const std::string name(model);
    const auto data = [&](const char* gb) {
      return "{file: " + folder.file("holes.npz") + ", nan: impute, missing_rate: 0.2, memory_gb: " + gb +
             "}";
    };
    train(folder.file(name), model, data("4"), 20);
    train(folder.file(name + "_parts"), model, data("4"), 20);
    const auto state = checkpoint::load_state(checkpoint::state_path(folder.file(name + "_parts"), 10));
    experiment::continue_training(folder.file(name + "_parts"), experiment_of(model, data("0"), 20), cpu,
                                  state);
    const auto one = checkpoint::load_model(folder.file(name) + "/model.safetensors"),
               other = checkpoint::load_model(folder.file(name + "_parts") + "/model.safetensors");
    CHECK(one.shape.missing);
    CHECK(one.validation_loss == other.validation_loss);
    for (const auto& [key, weight] : one.weights) CHECK((weight.bytes == other.weights.at(key).bytes));
  }
}

}  // namespace
