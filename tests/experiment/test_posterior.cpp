#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>

#include "core/error.hpp"
#include "engine/weights.hpp"
#include "experiment/estimator.hpp"
#include "experiment/open_posterior.hpp"
#include "model/embedding/embedded_network.hpp"
#include "support/catch.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;

namespace {

// The rounding of products over batches of another size, through a network of a few layers and a solver's
// steps.
constexpr double chunk_tolerance = 1e-5;

constexpr int64_t rows = 4, draws = 9;
constexpr double low = 3, high = 8;

// Learned ids: in the older generation LayerNorm(w x + b) jumps where x passes 0, and rounding decides on
// which side.
const char* const config_text =
    "strategy:\n  method: flow\n  model: flux1\n"
    "model:\n  depth: 1\n  depth_single_blocks: 1\n  num_heads: 2\n  axes_dim: [4]\n  "
    "id_embedding_strategy: [absolute, absolute]\n  param_dtype: float32\n"
    "prior:\n  kind: box\n  low: [3]\n  high: [8]\n"
    "sampling:\n  solver: rk4\n  steps: 6\n";

const char* const joint_config =
    "strategy:\n  method: flow\n  model: flux1joint\n"
    "model:\n  depth_single_blocks: 2\n  num_heads: 2\n  id_merge_mode: sum\n  val_emb_dim: 8\n  "
    "param_dtype: float32\n"
    "prior:\n  kind: box\n  low: [3]\n  high: [8]\n"
    "sampling:\n  solver: rk4\n  steps: 6\n";

// A model file with random weights: theta of two components around 5, x of three around -1.
checkpoint::ModelFile model_file(uint64_t seed = 1, const std::string& config = config_text) {
  checkpoint::ModelFile file;
  file.config = config;
  file.shape = {2, 1, 3, 1, {}, {}};
  file.theta = {{5, 6}, {1, 1}};
  file.x = {{-1, -1, -1}, {2, 2, 2}};
  file.theta_names = {"a", "b"};
  file.x_names = {"x_0", "x_1", "x_2"};
  auto estimator = experiment::read_estimator(config::parse_yaml(file.config, "config"));
  model::resolve(*estimator.model, estimator.embedding, file.shape);
  const auto network = model::build_network(*estimator.model, estimator.embedding);
  const at::NoGradGuard no_gradient;
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  for (auto& item : network->named_parameters()) {
    item.value().normal_(0, 0.15, generator);
    file.weights.emplace(item.key(), engine::to_array(item.value()));
  }
  return file;
}

std::vector<double> observations() {
  std::vector<double> x;
  for (int64_t i = 0; i < rows * 3; ++i)
    x.push_back(static_cast<float>(std::sin(static_cast<double>(i)) - 1));
  return x;
}

sample::Posterior posterior_of(const checkpoint::ModelFile& file) {
  return experiment::make_posterior(file, {"cpu", "auto"}, "float32");
}

double largest_relative_difference(std::span<const double> a, std::span<const double> b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max<double>(largest, std::abs(a[i] / b[i] - 1));
  return largest;
}

std::string error_of(const checkpoint::ModelFile& file) {
  try {
    posterior_of(file);
  } catch (const core::UserError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("a model file gives the same samples in chunks of 1, 7 and all", "[experiment][posterior]") {
  auto posterior = posterior_of(model_file());
  const auto x = observations();
  for (const std::string solver : {"euler", "rk4"}) {
    auto options = posterior.sampling();
    options.solver = solver;
    const auto all = posterior.sample(x, rows, draws, 11, 0, options);
    CHECK(all.unfilled() == 0);
    for (const int64_t chunk : {1, 7}) {
      options.chunk = chunk;
      const auto chunked = posterior.sample(x, rows, draws, 11, 0, options);
      CHECK(largest_relative_difference(chunked.values, all.values) < chunk_tolerance);
    }
  }
}

TEST_CASE("three shards of a model's samples are the whole", "[experiment][posterior]") {
  auto posterior = posterior_of(model_file());
  const auto x = observations();
  const auto all = posterior.sample(x, rows, draws, 11, 0, posterior.sampling());
  std::vector<double> joined;
  for (int64_t shard = 0; shard < 3; ++shard) {
    const int64_t first = shard == 0 ? 0 : shard + 1, count = shard == 0 ? 2 : 1;
    const auto part = posterior.sample(std::span(x).subspan(static_cast<size_t>(first * 3), count * 3), count,
                                       draws, 11, first, posterior.sampling());
    joined.insert(joined.end(), part.values.begin(), part.values.end());
  }
  CHECK(largest_relative_difference(joined, all.values) < chunk_tolerance);
}

TEST_CASE("observations condition the samples, in the data's units", "[experiment][posterior]") {
  auto file = model_file();
  auto posterior = posterior_of(file);
  const auto x = observations();
  const auto samples = posterior.sample(x, rows, draws, 11, 0, posterior.sampling());
  auto other = x;
  other[0] += 3;
  const auto changed = posterior.sample(other, rows, draws, 11, 0, posterior.sampling());
  const size_t row = static_cast<size_t>(draws * 2);
  CHECK(largest_relative_difference(std::span(changed.values).first(row),
                                    std::span(samples.values).first(row)) > 10 * chunk_tolerance);
  CHECK(largest_relative_difference(std::span(changed.values).subspan(row),
                                    std::span(samples.values).subspan(row)) < chunk_tolerance);
  // The same observations in another unit, and a model that was fitted to that unit.
  file.x = {{-2, -2, -2}, {4, 4, 4}};
  auto doubled = x;
  for (double& value : doubled) value *= 2;
  const auto rescaled = posterior_of(file).sample(doubled, rows, draws, 11, 0, posterior.sampling());
  CHECK(largest_relative_difference(rescaled.values, samples.values) < chunk_tolerance);
}

TEST_CASE("samples lie in the prior's support that the model file names", "[experiment][posterior]") {
  auto posterior = posterior_of(model_file());
  const auto samples = posterior.sample(observations(), rows, 50, 1, 0, posterior.sampling());
  CHECK(samples.drawn > rows * 50);
  for (const double value : samples.values) CHECK((value >= low && value <= high));
}

TEST_CASE("a posterior keeps the sampling options and names of its file", "[experiment][posterior]") {
  const auto posterior = posterior_of(model_file());
  CHECK(posterior.sampling().solver == "rk4");
  CHECK(posterior.sampling().steps == 6);
  CHECK(posterior.theta_names() == std::vector<std::string>{"a", "b"});
  CHECK(posterior.method().name() == "flow");
}

TEST_CASE("chunks follow the memory budget and the wish for a size", "[experiment][posterior]") {
  const auto posterior = posterior_of(model_file());
  sample::SamplingOptions options;
  const int64_t usual = posterior.chunk_size(options);
  options.memory_gb = 1e-9;
  CHECK(posterior.chunk_size(options) == 1);
  options.memory_gb = 1e-4;
  CHECK(posterior.chunk_size(options) < usual);
  options.chunk = 3;
  CHECK(posterior.chunk_size(options) == 3);
}

TEST_CASE("equal posteriors have equal identities and others do not", "[experiment][posterior]") {
  const auto file = model_file();
  CHECK(posterior_of(file).identity() == posterior_of(model_file()).identity());
  CHECK(posterior_of(file).identity() != posterior_of(model_file(2)).identity());
  auto shifted = file;
  shifted.theta.mean[0] += 1;
  CHECK(posterior_of(file).identity() != posterior_of(shifted).identity());
}

TEST_CASE("all weights that do not fit the network are named at once", "[experiment][posterior][errors]") {
  auto file = model_file();
  const auto first = file.weights.begin()->first, second = std::next(file.weights.begin())->first;
  file.weights.erase(first);
  file.weights[second].shape.push_back(1);
  file.weights.emplace("stranger", io::Array{io::DType::f32, {0}, {}});
  CHECK_THAT(error_of(file),
             ContainsSubstring(first) && ContainsSubstring(second) && ContainsSubstring("stranger"));
}

TEST_CASE("a model file whose config does not fit is a user's error", "[experiment][posterior][errors]") {
  const auto with = [](const std::string& from, const std::string& to) {
    auto file = model_file();
    file.config.replace(file.config.find(from), from.size(), to);
    return file;
  };
  CHECK_THAT(error_of(with("method: flow", "method: flwo")), ContainsSubstring("flow"));
  CHECK_THAT(error_of(with("model: flux1", "model: flux9")), ContainsSubstring("flux1"));
  CHECK_THAT(error_of(with("low: [3]", "low: [3, 3, 3]")), ContainsSubstring("prior.low"));
  CHECK_THAT(error_of(with("solver: rk4", "solver: rk5")), ContainsSubstring("sampling.solver"));
}

TEST_CASE("a joint model's posterior samples are the theta of its answers to x",
          "[experiment][posterior][given]") {
  auto posterior = posterior_of(model_file(1, joint_config));
  CHECK(posterior.joint());
  const auto x = observations();
  std::vector<double> given;
  for (size_t row = 0; row < rows; ++row) {
    given.insert(given.end(), 2, std::numeric_limits<double>::quiet_NaN());
    given.insert(given.end(), x.begin() + row * 3, x.begin() + (row + 1) * 3);
  }
  const auto theta = posterior.sample(x, rows, draws, 11, 0, posterior.sampling());
  const auto all = posterior.sample_given(given, rows, draws, 11, 0, posterior.sampling());
  CHECK(theta.tokens == 2);
  CHECK(all.tokens == 5);
  for (size_t i = 0; i < static_cast<size_t>(rows * draws); ++i) {
    const size_t row = i / draws;
    for (size_t j = 0; j < 2; ++j) {
      CHECK(theta.values[2 * i + j] == all.values[5 * i + j]);
      CHECK((theta.values[2 * i + j] >= low && theta.values[2 * i + j] <= high));
    }
    for (size_t j = 0; j < 3; ++j) CHECK(all.values[5 * i + 2 + j] == x[3 * row + j]);
  }
}

TEST_CASE("questions that the model never saw in training are a user's error",
          "[experiment][posterior][given]") {
  const std::vector<double> nothing(5, std::numeric_limits<double>::quiet_NaN());
  auto conditional = posterior_of(model_file());
  CHECK_FALSE(conditional.joint());
  CHECK_THROWS_WITH(conditional.sample_given(nothing, 1, 2, 0, 0, {}),
                    ContainsSubstring("cannot infer blank cells"));
  const std::string section = "condition_mask:\n  kind: posterior\n";
  auto narrow = posterior_of(model_file(1, joint_config + section));
  CHECK_THROWS_WITH(narrow.sample_given(nothing, 1, 2, 0, 0, {}),
                    ContainsSubstring("condition_mask.kind = posterior"));
  const auto x = observations();
  CHECK(narrow.sample(x, rows, 1, 0, 0, narrow.sampling()).unfilled() == 0);
}

TEST_CASE("a model trained with a drop rate is guided, and at scale 0 does not see the observation",
          "[experiment][posterior][guidance]") {
  std::string config = config_text;
  config.replace(config.find("  model: flux1\n"), 0, "  condition_drop_rate: 0.2\n");
  auto posterior = posterior_of(model_file(1, config));
  const auto x = observations();
  auto other = x;
  for (double& value : other) value += 1;
  auto options = posterior.sampling();
  options.reject = false;
  const auto values = [&](double scale, const std::vector<double>& of, int64_t chunk = 0) {
    options.guidance_scale = scale;
    options.chunk = chunk;
    return posterior.sample(of, rows, draws, 11, 0, options).values;
  };
  CHECK(values(0, x) == values(0, other));
  CHECK(values(1, x) != values(1, other));
  CHECK(largest_relative_difference(values(3, x), values(1, x)) > 10 * chunk_tolerance);
  CHECK(largest_relative_difference(values(3, x, 7), values(3, x)) < chunk_tolerance);
  // The parameters of the null condition are the only ones that a model without it lacks.
  CHECK(model_file(1, config).weights.size() == model_file().weights.size() + 2);
}

TEST_CASE("guidance is refused of models that never saw rows without a condition, joint ones among them",
          "[experiment][posterior][guidance][errors]") {
  auto plain = posterior_of(model_file()), joint = posterior_of(model_file(1, joint_config));
  auto options = plain.sampling();
  options.guidance_scale = 2;
  const auto x = observations();
  CHECK_THROWS_WITH(plain.sample(x, rows, 1, 0, 0, options),
                    ContainsSubstring("strategy.condition_drop_rate above 0"));
  CHECK_THROWS_WITH(joint.sample(x, rows, 1, 0, 0, options), ContainsSubstring("train flux1"));
}

TEST_CASE("a regression moves a model's answers with the observation, and their densities with them",
          "[experiment][posterior][regression]") {
  // Both networks see the same observations and noise, so that their states are the same.
  std::string config = config_text;
  config.erase(config.find("prior:"), config.find("sampling:") - config.find("prior:"));
  checkpoint::ModelFile file = model_file(1, config);
  auto plain = posterior_of(file);
  file.regression = {{0.5, -1}, {2, 0, 1, 0, -3, 0.25}, {0.1, 3}};
  auto moved = posterior_of(file);
  const auto x = observations();
  const auto standardised = file.x.apply(x);
  // Of states, that are theta's of the plain model less (5, 6).
  const auto expected = [&](const std::vector<double>& theta, int64_t each) {
    std::vector<double> all;
    for (size_t i = 0; i < theta.size(); ++i) {
      const size_t k = i % 2, row = i / 2 / static_cast<size_t>(each);
      double centre = file.regression.offset[k];
      for (size_t j = 0; j < 3; ++j)
        centre += file.regression.weights[3 * k + j] * static_cast<double>(standardised[3 * row + j]);
      all.push_back(file.theta.mean[k] + centre + file.regression.scale[k] * (theta[i] - file.theta.mean[k]));
    }
    return all;
  };
  const auto of_plain = plain.sample(x, rows, draws, 11, 0, plain.sampling()).values;
  const auto of_moved = moved.sample(x, rows, draws, 11, 0, moved.sampling()).values;
  CHECK(largest_relative_difference(of_moved, expected(of_plain, draws)) < chunk_tolerance);
  // One point for each observation, and all of one observation's.
  const std::vector<double> theta{5, 6, 5.5, 5, 4, 6.25, 6, 7};
  const double determinant = std::log(0.1) + std::log(3);
  const auto options = plain.sampling();
  const auto density = plain.log_prob(theta, rows, x, rows, {}, options).values;
  const auto there = moved.log_prob(expected(theta, 1), rows, x, rows, {}, options).values;
  for (size_t i = 0; i < density.size(); ++i)
    CHECK(std::abs(there[i] - (density[i] - determinant)) < chunk_tolerance * std::abs(density[i]) * 10);
  const auto first = std::span(x).first(3);
  const auto of_first = plain.log_prob(theta, rows, first, 1, {}, options).values;
  const auto there_first = moved.log_prob(expected(theta, rows), rows, first, 1, {}, options).values;
  for (size_t i = 0; i < of_first.size(); ++i)
    CHECK(std::abs(there_first[i] - (of_first[i] - determinant)) <
          chunk_tolerance * std::abs(of_first[i]) * 10);
  // Modes: those of the plain model, moved. The steps towards them are right to a thousandth or so.
  auto rough = options;
  rough.atol = rough.rtol = 1e-3;
  const auto top = plain.find_modes(first, 1, 3, {.draws = 4, .top = 1}, rough);
  const auto top_there = moved.find_modes(first, 1, 3, {.draws = 4, .top = 1}, rough);
  CHECK(largest_relative_difference(top_there.theta, expected(top.theta, 1)) < 1e-3);
  CHECK(std::abs(top_there.log_prob[0] - (top.log_prob[0] - determinant)) < 0.05);
}

TEST_CASE("observations that do not fit the model are a user's error", "[experiment][posterior][errors]") {
  auto posterior = posterior_of(model_file());
  auto x = observations();
  CHECK_THROWS_AS(posterior.sample(std::span(x).first(5), rows, draws, 0, 0, {}), core::UserError);
  x[4] = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH(posterior.sample(x, rows, draws, 0, 0, {}), ContainsSubstring("row 1"));
}

TEST_CASE("a GPU that is absent is a user's error", "[experiment][posterior][errors]") {
  if (std::filesystem::exists("/dev/nvidiactl")) SKIP("this machine has a GPU");
  CHECK_THROWS_AS(experiment::make_posterior(model_file(), {"cuda", "auto"}, "float32"), core::UserError);
}
