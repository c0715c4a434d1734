#include <catch2/generators/catch_generators.hpp>

#include "model/small_flux1.hpp"
#include "support/catch.hpp"
#include "support/threads.hpp"

using namespace fluxsbi::model;

namespace {

Inputs rows_of(const Inputs& inputs, const at::Tensor& rows) {
  Inputs picked;
  picked.t = inputs.t.index_select(0, rows);
  picked.obs = inputs.obs.index_select(0, rows);
  picked.cond = inputs.cond.index_select(0, rows);
  return picked;
}

}  // namespace

TEST_CASE("permuting the rows of a batch permutes the output", "[model][flux1]") {
  const auto strategy =
      GENERATE(IdStrategy::sequence, IdStrategy::absolute, IdStrategy::pos1d, IdStrategy::rope1d);
  const auto network = random_flux1(small_shape(strategy, strategy));
  const Inputs inputs = small_inputs(6);
  const at::Tensor order = at::tensor({3, 1, 5, 0, 4, 2}, at::kLong);
  const at::Tensor y = network->forward(inputs);
  REQUIRE(y.sizes() == at::IntArrayRef{6, 2, 1});
  CHECK(largest_difference(network->forward(rows_of(inputs, order)), y.index_select(0, order)) < rounding);
}

TEST_CASE("a row's result does not depend on its neighbours", "[model][flux1]") {
  const auto network = random_flux1(small_shape());
  const Inputs inputs = small_inputs(6);
  const at::Tensor y = network->forward(inputs);
  const at::Tensor row = at::tensor({4}, at::kLong);
  CHECK(largest_difference(network->forward(rows_of(inputs, row)), y.narrow(0, 4, 1)) < rounding);
}

TEST_CASE("one row of cond serves the whole batch", "[model][flux1]") {
  const auto network = random_flux1(small_shape(IdStrategy::absolute, IdStrategy::rope1d));
  Inputs inputs = small_inputs(4);
  inputs.cond = inputs.cond.narrow(0, 1, 1);
  Inputs repeated = inputs;
  repeated.cond = inputs.cond.expand({4, -1, -1}).contiguous();
  CHECK(largest_difference(network->forward(inputs), network->forward(repeated)) < rounding);
}

TEST_CASE("the default ids are those that the strategies name", "[model][flux1][ids]") {
  const Inputs inputs = small_inputs(3);
  SECTION("the older generation's sequence runs on from obs to cond") {
    const auto network = random_flux1(small_shape());
    Inputs given = inputs;
    given.obs_ids = at::tensor({0, 1}, at::kLong).reshape({1, 2, 1});
    given.cond_ids = at::tensor({2, 3, 4}, at::kLong).reshape({1, 3, 1}).expand({3, 3, 1});
    CHECK(largest_difference(network->forward(given), network->forward(inputs)) < rounding);
  }
  SECTION("rope1d counts from 0 in both streams and tells them apart by the second axis") {
    const auto network = random_flux1(small_shape(IdStrategy::rope1d, IdStrategy::rope1d));
    Inputs given = inputs;
    given.obs_ids = at::tensor({0, 0, 1, 0}, at::kLong).reshape({1, 2, 2});
    given.cond_ids = at::tensor({0, 1, 1, 1, 2, 1}, at::kLong).reshape({1, 3, 2});
    CHECK(largest_difference(network->forward(given), network->forward(inputs)) < rounding);
  }
  SECTION("rope2d counts rows and columns") {
    Flux1Shape shape = small_shape(IdStrategy::absolute, IdStrategy::rope2d);
    shape.id_axes = {2, 2, 2};
    shape.cond.grid = {1, 3};
    const auto network = random_flux1(shape);
    Inputs given = inputs;
    given.cond_ids = at::tensor({1, 0, 0, 1, 0, 1, 1, 0, 2}, at::kLong).reshape({1, 3, 3});
    CHECK(largest_difference(network->forward(given), network->forward(inputs)) < rounding);
  }
  SECTION("an absolute stream's ids pick rows of its table") {
    const auto network = random_flux1(small_shape(IdStrategy::absolute, IdStrategy::absolute));
    Inputs given = inputs;
    given.obs_ids = at::tensor({1, 0}, at::kLong).reshape({1, 2, 1});
    given.obs = inputs.obs.flip(1);
    CHECK(largest_difference(network->forward(given), network->forward(inputs).flip(1)) < rounding);
  }
}

TEST_CASE("unconditioned rows do not see cond, conditioned ones are as without the flag", "[model][flux1]") {
  const auto network = random_flux1(small_shape());
  Inputs inputs = small_inputs(2);
  const at::Tensor plain = network->forward(inputs);
  inputs.conditioned = at::tensor({1, 0}, at::kLong).to(at::kBool);
  const at::Tensor mixed = network->forward(inputs);
  inputs.cond = inputs.cond + 1;
  const at::Tensor moved = network->forward(inputs);
  CHECK(largest_difference(mixed[0], plain[0]) < rounding);
  CHECK(largest_difference(mixed[1], plain[1]) > 1e-3);
  CHECK(at::equal(moved[1], mixed[1]));
}

TEST_CASE("with bfloat16 parameters the output is float32 and close to that of float32 parameters",
          "[model][flux1][bfloat16]") {
  const auto network = random_flux1(small_shape(IdStrategy::absolute, IdStrategy::absolute));
  const Inputs inputs = small_inputs(16);
  const at::Tensor exact = network->forward(inputs);
  for (auto& parameter : network->parameters()) parameter.set_data(parameter.detach().to(at::kBFloat16));
  const at::Tensor y = network->forward(inputs);
  CHECK(y.scalar_type() == at::kFloat);
  y.sum().backward();
  for (const auto& parameter : network->parameters()) REQUIRE(parameter.grad().defined());
  // 8 bits of mantissa through 4 blocks; measured 0.01
  CHECK(((y - exact).norm() / exact.norm()).item<double>() < 0.05);
}

TEST_CASE(
    "with bfloat16 parameters the output moves with the time as in float32, where bfloat16 times would not",
    "[model][flux1][bfloat16]") {
  const auto network = random_flux1(small_shape(IdStrategy::absolute, IdStrategy::absolute));
  const Inputs inputs = small_inputs(16);
  const auto moved_by = [&](double step) {
    Inputs at_time = inputs;
    at_time.t = at::full({16}, 0.75 + step, at::kFloat);
    return network->forward(at_time);
  };
  constexpr double step = 0x1p-10;  // the angle 1000 t moves by one
  CHECK(at::equal(at::full({16}, 0.75 + step, at::kFloat).to(at::kBFloat16).to(at::kFloat),
                  at::full({16}, 0.75, at::kFloat)));
  const at::Tensor exact = moved_by(step) - moved_by(0);
  for (auto& parameter : network->parameters()) parameter.set_data(parameter.detach().to(at::kBFloat16));
  const at::Tensor rounded = moved_by(step) - moved_by(0);
  CHECK(((rounded - exact).norm() / exact.norm()).item<double>() < 0.1);
}

TEST_CASE("initialisation depends on the seed alone", "[model][flux1][initialise]") {
  const auto make = [](uint64_t seed, int threads) {
    const fluxsbi::test::Threads count(threads);
    at::manual_seed(seed + static_cast<uint64_t>(threads));  // LibTorch's own generator must not matter
    auto network = std::make_shared<Flux1>(small_shape(IdStrategy::absolute, IdStrategy::rope1d));
    network->initialise(seed);
    return network->parameters();
  };
  const auto first = make(5, 1), second = make(5, 2), other = make(6, 1);
  bool differs = false;
  for (size_t i = 0; i < first.size(); ++i) {
    CHECK(at::equal(first[i], second[i]));
    differs = differs || !at::equal(first[i], other[i]);
  }
  CHECK(differs);
}

TEST_CASE("start values have the scales of the model description", "[model][flux1][initialise]") {
  Flux1Shape shape = small_shape();
  shape.block = {4, 16, 256, true};
  shape.id_axes = {16};
  Flux1 network(shape);
  network.initialise(1);
  const auto parameters = network.named_parameters();
  const auto deviation = [&](const std::string& name) { return parameters[name].std().item<double>(); };
  // a tenth: 16384 numbers have a standard error of 0.006
  CHECK(std::abs(deviation("double_blocks.0.obs_mlp.in_layer.weight") * std::sqrt(64.0) - 1) < 0.1);
  CHECK(std::abs(deviation("double_blocks.0.obs_mlp.out_layer.weight") * std::sqrt(256.0) - 1) < 0.1);
  // cut off at two standard deviations of the normal that was drawn from
  CHECK(parameters["double_blocks.0.obs_mlp.in_layer.weight"].abs().max().item<double>() <
        2 / (std::sqrt(64.0) * 0.8796) + 1e-6);
  CHECK(deviation("double_blocks.0.obs_mod.lin.weight") == 0);
  CHECK(parameters["condition_embedding"].eq(0.01F).all().item<bool>());
  CHECK(parameters["single_blocks.1.norm.query_norm.scale"].eq(1).all().item<bool>());
  CHECK(parameters["single_blocks.1.linear1.bias"].eq(0).all().item<bool>());
}
