// Networks with an embedding network in both engines.
#include <cmath>
#include <limits>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include "engine/engine.hpp"
#include "engine/relative_error.hpp"
#include "model/embedding/embedded_network.hpp"
#include "support/catch.hpp"
#include "support/threads.hpp"

namespace {

using namespace fluxsbi;
using test::relative_error;

// Float32 sums over 203 rows in another order, through Flux1's blocks.
constexpr double embedding_tolerance = 2e-5;

const data::DataShape shape{2, 1, 24, 1, {}, {4, 6}, true};

std::shared_ptr<model::Network> make_network(const std::string& embedding_lines, bool missing = false) {
  const std::string text =
      "model: {depth: 1, depth_single_blocks: 1, num_heads: 2, axes_dim: [4], id_embedding_strategy: "
      "[absolute, "
      "absolute]}\nembedding: {features: 6, hidden: 8, channels: [4], patch: [2, 2], network: " +
      embedding_lines + "}\n";
  const config::Value document = config::parse_yaml(text, "a.yaml");
  config::Reader reader(document);
  const auto spec = model::make_spec("flux1");
  model::EmbeddingSpec embedding;
  spec->read(reader);
  embedding.read(reader);
  data::DataShape data = shape;
  data.padded = embedding.options().network == "set" && !missing;
  data.missing = missing;
  model::resolve(*spec, embedding, data);
  auto network = model::build_network(*spec, embedding);
  network->initialise(1);
  const at::NoGradGuard no_grad;
  auto generator = at::make_generator<at::CPUGeneratorImpl>(2);
  for (auto& parameter : network->parameters()) {
    parameter += at::empty(parameter.sizes()).normal_(0, 0.1, generator);
  }
  return network;
}

engine::Regression problem_of(int64_t rows, bool with_absent) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(3);
  const auto normal = [&](at::IntArrayRef sizes) { return at::empty(sizes).normal_(0, 1, generator); };
  engine::Regression problem;
  problem.inputs.t = at::empty({rows}).uniform_(0, 1, generator);
  problem.inputs.obs = normal({rows, 2, 1});
  problem.inputs.cond = normal({rows, 24, 1});
  if (with_absent) {
    problem.inputs.cond.narrow(1, 9, 15).fill_(std::numeric_limits<float>::quiet_NaN());
  }
  problem.target = normal({rows, 2, 1});
  problem.weight = at::full({1, 1, 1}, 1.0 / static_cast<double>(2 * rows));
  return problem;
}

using MakeEngine = std::unique_ptr<engine::Engine> (*)(std::shared_ptr<model::Network>);

void agrees_with_modules(MakeEngine make_engine) {
  const test::Threads threads(3);
  const std::vector<std::pair<std::string, bool>> cases{
      {"mlp", false}, {"residual_mlp", false}, {"cnn2d", false}, {"patchify", false},
      {"set", false}, {"none", true},          {"cnn2d", true},  {"set", true}};
  for (const auto& [network, missing] : cases) {
    CAPTURE(network, missing);
    const auto reference =
        engine::make_reference_engine(make_network(network, missing), at::kFloat, at::kCPU);
    const auto found = make_engine(make_network(network, missing));
    auto problem = problem_of(203, network == "set" || missing);
    const double loss = reference->accumulate_gradient(problem, 1).item<double>();
    CHECK(std::abs(found->accumulate_gradient(problem, 1).item<double>() - loss) <
          embedding_tolerance * loss);
    CHECK(relative_error(found->parameters().gradient, reference->parameters().gradient) <
          embedding_tolerance);
    const at::Tensor output = reference->forward(problem.inputs);
    CHECK(relative_error(found->forward(problem.inputs), output) < embedding_tolerance);
    // one x for all rows
    auto shared = problem;
    shared.inputs.cond = problem.inputs.cond.narrow(0, 3, 1);
    reference->parameters().gradient.zero_();
    found->parameters().gradient.zero_();
    reference->accumulate_gradient(shared, 1);
    found->accumulate_gradient(shared, 1);
    CHECK(relative_error(found->parameters().gradient, reference->parameters().gradient) <
          embedding_tolerance);
    // the same from tokens that were made before
    problem.inputs.cond = found->embed(problem.inputs.cond);
    problem.inputs.embedded = true;
    CHECK(relative_error(found->forward(problem.inputs), output) < embedding_tolerance);
    CHECK(relative_error(reference->forward(problem.inputs), output) < embedding_tolerance);
  }
}

TEST_CASE("an embedded network's rows may be divided in any way", "[engine][reference][embedding]") {
  agrees_with_modules([](std::shared_ptr<model::Network> network) {
    return engine::make_reference_engine(std::move(network), at::kFloat, at::kCPU);
  });
}

TEST_CASE("an embedding network stands before the tile engine", "[engine][tile][embedding]") {
  agrees_with_modules(
      [](std::shared_ptr<model::Network> network) { return engine::make_tile_engine(std::move(network)); });
}

TEST_CASE("linear summaries that are not learned have no gradient and do not decay",
          "[engine][tile][embedding]") {
  const test::Threads threads(2);
  for (const bool learned : {true, false}) {
    const auto make = [learned] {
      auto network = make_network(learned ? "linear" : "linear, learned: false");
      model::begin_with({{0, 0}, std::vector<double>(48, 0.1), {0.5, 0.6}}, *network);
      return network;
    };
    const auto reference = engine::make_reference_engine(make(), at::kFloat, at::kCPU);
    const auto tile = engine::make_tile_engine(make());
    const auto problem = problem_of(50, false);
    for (engine::Engine* trained : {reference.get(), tile.get()}) {
      trained->accumulate_gradient(problem, 1);
      for (const auto& entry : trained->parameters().entries) {
        if (!entry.name.starts_with("embedding.")) continue;
        CAPTURE(entry.name, learned);
        const double size =
            engine::FlatParameters::view(trained->parameters().gradient, entry).abs().max().item<double>();
        CHECK((size > 0) == learned);
        CHECK(entry.decays == (learned && entry.name.ends_with("weight")));
      }
    }
    CHECK(relative_error(tile->parameters().gradient, reference->parameters().gradient) <
          embedding_tolerance);
  }
}

TEST_CASE("an engine embeds many rows in chunks and without a gradient", "[engine][embedding]") {
  const auto engine = engine::make_reference_engine(make_network("set"), at::kFloat, at::kCPU);
  const at::Tensor x = problem_of(2500, true).inputs.cond;
  const at::Tensor tokens = engine->embed(x);
  CHECK(tokens.sizes().vec() == std::vector<int64_t>{2500, 1, 6});
  CHECK_FALSE(tokens.requires_grad());
  CHECK(relative_error(engine->embed(x.narrow(0, 2000, 500)), tokens.narrow(0, 2000, 500)) <
        embedding_tolerance);
}

}  // namespace
