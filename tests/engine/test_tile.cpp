// The tile engine against the modules in float64.
#include <algorithm>
#include <cmath>
#include <functional>

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <catch2/catch_approx.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <torch/csrc/autograd/autograd.h>

#include "core/error.hpp"
#include "engine/cotangent.hpp"
#include "engine/engine.hpp"
#include "engine/random_networks.hpp"
#include "support/catch.hpp"
#include "support/threads.hpp"

namespace {

using namespace fluxsbi;
namespace tile = engine::tile;

// How far sums through up to four blocks may be off: of the largest number of an output, of the norm of all
// gradients of inputs and of parameters. Some of the networks have norms over two or three numbers that
// amplify more: there the modules' own error in float32 says how much, times `amplified`.
struct Accuracy {
  tile::Rounding products;
  double output, inputs, parameters, amplified;
};
constexpr Accuracy in_float32{tile::Rounding::none, 2e-5, 2e-5, 2e-5, 4};
// 8 and 16 bits, of which gradients of parameters have 8 in both; a float32 number has 24.
constexpr Accuracy in_bfloat16x3{tile::Rounding::bfloat16x3, 3e-4, 3e-4, 2e-2, 1024};
constexpr Accuracy in_bfloat16{tile::Rounding::bfloat16, 4e-2, 4e-2, 4e-2, 131072};

model::Inputs in_float64(const model::Inputs& inputs) {
  model::Inputs wide = inputs;
  for (const auto member :
       {&model::Inputs::t, &model::Inputs::obs, &model::Inputs::cond, &model::Inputs::guidance}) {
    if ((wide.*member).defined()) wide.*member = (wide.*member).to(at::kDouble);
  }
  return wide;
}

std::shared_ptr<model::Network> float64_network(const model::RandomCase& random) {
  auto network = random.build();
  network->to(at::kDouble);
  network->accept(at::kDouble);
  return network;
}

engine::Regression regression_of(const model::RandomCase& random) {
  const auto shape = random.inputs.obs.sizes();
  const at::Tensor weight = at::sigmoid(model::random_tensor(shape, 3)) / static_cast<double>(shape[0]);
  return {random.inputs, model::random_tensor(shape, 2), weight};
}

double largest(const at::Tensor& x) {
  return x.abs().max().item<double>();
}

std::vector<at::Tensor> parameter_gradients(engine::Engine& engine, const engine::Regression& problem) {
  engine.parameters().gradient.zero_();
  engine.accumulate_gradient(problem, 1);
  std::vector<at::Tensor> gradients;
  for (const auto& entry : engine.parameters().entries) {
    gradients.push_back(engine::FlatParameters::view(engine.parameters().gradient, entry).to(at::kDouble));
  }
  return gradients;
}

void check_training(const model::RandomCase& random, const Accuracy& accuracy = in_float32) {
  const auto network = float64_network(random);
  const engine::Regression problem = regression_of(random);
  const at::Tensor output = network->forward(in_float64(random.inputs));
  const at::Tensor difference = output - problem.target;
  const at::Tensor loss = (problem.weight * difference * difference).sum();
  const auto parameters = network->parameters();
  const auto expected = torch::autograd::grad({loss}, parameters, {}, std::nullopt, false, true);
  double squares = 0;
  for (const auto& gradient : expected)
    squares += gradient.defined() ? gradient.square().sum().item<double>() : 0;
  const double norm = std::sqrt(squares);

  const auto engine = engine::make_tile_engine(random.build(), accuracy.products);
  const auto modules = engine::make_reference_engine(random.build(), at::kFloat, at::kCPU);
  const double rounding = largest(modules->forward(random.inputs) - output);
  CHECK(largest(engine->forward(random.inputs) - output) <=
        accuracy.output * (1 + largest(output)) + accuracy.amplified * rounding);
  CHECK(engine->loss(problem).item<double>() ==
        Catch::Approx(loss.item<double>()).epsilon(std::max(1e-4, 3 * accuracy.output)));
  const auto found = parameter_gradients(*engine, problem);
  const auto plain = parameter_gradients(*modules, problem);
  for (size_t i = 0; i < parameters.size(); ++i) {
    const at::Tensor reference = expected[i].defined() ? expected[i] : at::zeros_like(found[i]);
    INFO(engine->parameters().entries[i].name);
    CHECK(largest(found[i] - reference) <=
          accuracy.parameters * norm + accuracy.amplified * largest(plain[i] - reference));
  }
}

void check_inputs(const model::RandomCase& random, const Accuracy& accuracy = in_float32) {
  const auto network = float64_network(random);
  const at::Tensor cotangent = model::random_tensor(random.inputs.obs.sizes(), 5);
  const auto expected = engine::gradients_of_inputs(*network, in_float64(random.inputs),
                                                    cotangent.to(at::kDouble), engine::InputsOf::all);
  const auto engine = engine::make_tile_engine(random.build(), accuracy.products);
  const auto modules = engine::make_reference_engine(random.build(), at::kFloat, at::kCPU);
  const auto found = engine->input_gradients(random.inputs, cotangent, engine::InputsOf::all);
  const auto plain = modules->input_gradients(random.inputs, cotangent, engine::InputsOf::all);
  for (const auto member :
       {&engine::InputGradients::output, &engine::InputGradients::obs, &engine::InputGradients::t,
        &engine::InputGradients::cond, &engine::InputGradients::guidance}) {
    const at::Tensor reference = expected.*member;
    REQUIRE((found.*member).defined() == reference.defined());
    if (!reference.defined()) continue;
    REQUIRE((found.*member).sizes() == reference.sizes());
    const double rounding = largest(plain.*member - reference);
    CHECK(largest(found.*member - reference) <=
          accuracy.inputs * (1 + reference.norm().item<double>()) + accuracy.amplified * rounding);
  }
  const auto obs_alone = engine->input_gradients(random.inputs, cotangent, engine::InputsOf::obs);
  CHECK(!obs_alone.t.defined());
  CHECK(at::equal(obs_alone.obs, found.obs));
}

TEST_CASE("the tile engine agrees with the modules in float64 for 200 random networks", "[engine][tile]") {
  model::RandomCases cases(20261123);
  for (int i = 0; i < 200; ++i) {
    const model::RandomCase random = cases.next();
    INFO("network " << i << ", " << random.name);
    check_training(random);
    check_inputs(random);
  }
}

TEST_CASE("rounded products of the tile engine are as near to float64 as their digits, for random networks",
          "[engine][tile]") {
  const Accuracy accuracy = GENERATE(in_bfloat16x3, in_bfloat16);
  model::RandomCases cases(20261201);
  for (int i = 0; i < 24; ++i) {
    const model::RandomCase random = cases.next();
    INFO("network " << i << ", " << random.name);
    check_training(random, accuracy);
    check_inputs(random, accuracy);
  }
}

TEST_CASE("where bfloat16x3 leaves products exact, outputs and gradients of inputs are those of float32",
          "[engine][tile]") {
  if (tile::kernels().bfloat16x3.factors != tile::Rounding::none) SKIP("this processor rounds them");
  model::RandomCases cases(20261202);
  for (int i = 0; i < 12; ++i) {
    const model::RandomCase random = cases.next();
    INFO("network " << i << ", " << random.name);
    const auto exact = engine::make_tile_engine(random.build()),
               split = engine::make_tile_engine(random.build(), tile::Rounding::bfloat16x3);
    CHECK(at::equal(split->forward(random.inputs), exact->forward(random.inputs)));
    const at::Tensor cotangent = model::random_tensor(random.inputs.obs.sizes(), 5);
    const auto ours = split->input_gradients(random.inputs, cotangent, engine::InputsOf::all),
               theirs = exact->input_gradients(random.inputs, cotangent, engine::InputsOf::all);
    CHECK(at::equal(ours.obs, theirs.obs));
  }
}

// A Flux1 with rows for several tiles.
model::RandomCase example() {
  model::RandomCase found;
  model::RandomCases cases(5);
  do found = cases.next();
  while (found.name != "flux1" || found.inputs.obs.size(0) < 35);
  return found;
}

TEST_CASE("the tile engine gives the same bits whichever thread takes which part", "[engine][tile][serial]") {
  const model::RandomCase random = example();
  const engine::Regression problem = regression_of(random);
  const auto engine = engine::make_tile_engine(random.build());
  const test::Threads threads(3);
  const auto first = parameter_gradients(*engine, problem);
  for (int i = 0; i < 10; ++i) {
    const auto again = parameter_gradients(*engine, problem);
    for (size_t k = 0; k < first.size(); ++k) REQUIRE(at::equal(again[k], first[k]));
  }
}

TEST_CASE("the tile engine follows the parameters when they are published", "[engine][tile]") {
  const model::RandomCase random = example();
  const auto engine = engine::make_tile_engine(random.build());
  const at::Tensor before = engine->forward(random.inputs);
  engine->parameters().assign(engine->parameters().master * 1.5);
  const at::Tensor after = engine->forward(random.inputs);
  CHECK(largest(after - before) > 1e-3);
  const at::Tensor modules = engine->parameters().network()->forward(random.inputs);
  CHECK(largest(after - modules) <= 1e-4 * (1 + largest(modules)));
}

TEST_CASE("token ids work in the tile engine, or go to the modules", "[engine][tile]") {
  auto shape = model::small_shape(model::IdStrategy::absolute, model::IdStrategy::rope1d);
  const auto engine = engine::make_tile_engine(model::random_flux1(shape));
  auto inputs = model::small_inputs(40);
  const at::Tensor places = at::arange(2).reshape({1, 2, 1}), reversed = places.flip(1);
  const at::Tensor cond_ids = at::tensor({3, 1, 0, 1, 5, 1}, at::kLong).reshape({1, 3, 2});
  for (const at::Tensor& obs_ids : {places, places.expand({40, 2, 1}), reversed.expand({40, 2, 1})}) {
    inputs.obs_ids = obs_ids;
    inputs.cond_ids = cond_ids;
    const at::Tensor modules = engine->parameters().network()->forward(inputs);
    CHECK(largest(engine->forward(inputs) - modules) <= 2e-5 * (1 + largest(modules)));
  }
  inputs.cond_ids = cond_ids * at::arange(1, 41).reshape({40, 1, 1});  // other ids for each row
  const at::Tensor modules = engine->parameters().network()->forward(inputs);
  CHECK(largest(engine->forward(inputs) - modules) <= 2e-5 * (1 + largest(modules)));
}

TEST_CASE("one time and one null condition for all rows give what they give row by row",
          "[engine][tile][guidance]") {
  const auto engine = engine::make_tile_engine(model::random_flux1(model::small_shape()));
  auto inputs = model::small_inputs(40);  // three tiles
  inputs.t = at::full({1}, 0.3);
  const at::Tensor plain = engine->forward(inputs);
  for (const bool conditioned : {false, true}) {
    const at::Tensor one = at::full({1}, conditioned, at::kBool);
    inputs.conditioned = one;
    const at::Tensor once = engine->forward(inputs);
    inputs.conditioned = one.repeat({40});
    CHECK(at::equal(once, engine->forward(inputs)));
    auto each = inputs;
    each.t = inputs.t.repeat({40});
    CHECK(at::equal(once, engine->forward(each)));
    CHECK(at::equal(once, plain) == conditioned);
  }
}

TEST_CASE("inputs that do not fit the network are a defect, not a read beyond them", "[engine][tile]") {
  const auto engine = engine::make_tile_engine(model::random_flux1(model::small_shape()));
  const auto refuses = [&](auto change) {
    auto inputs = model::small_inputs(5);
    change(inputs);
    CHECK_THROWS_AS(engine->forward(inputs), core::InternalError);
  };
  refuses([](auto& inputs) { inputs.obs = inputs.obs.narrow(1, 0, 1); });
  refuses([](auto& inputs) { inputs.cond = inputs.cond.narrow(0, 0, 4); });
  refuses([](auto& inputs) { inputs.cond = at::Tensor(); });
  refuses([](auto& inputs) { inputs.t = inputs.t.narrow(0, 0, 3); });
  refuses([](auto& inputs) { inputs.guidance = at::zeros({5, 2}); });
  refuses([](auto& inputs) { inputs.edge_mask = at::ones({5, 5}, at::kBool); });
}

}  // namespace
