#include <catch2/generators/catch_generators.hpp>

#include "core/error.hpp"
#include "model/flux1joint/flux1joint.hpp"
#include "model/small_flux1.hpp"
#include "support/catch.hpp"

using namespace fluxsbi::model;

namespace {

constexpr int64_t tokens = 5;

// Two blocks over five tokens of two channels, heads of eight features.
Flux1JointShape shape_of(TokenForm form) {
  Flux1JointShape shape;
  shape.block = {2, 8, 24, true};
  shape.depth = 2;
  shape.tokens = tokens;
  shape.channels = 2;
  shape.form = form;
  if (form == TokenForm::rotary) {
    shape.value_width = 10;
    shape.mark_width = 6;
    shape.id_axes = {8};
    shape.rope_theta = 50;
  } else if (form == TokenForm::sum) {
    shape.value_width = shape.mark_width = shape.id_width = 16;
  } else {
    shape.value_width = 8;
    shape.mark_width = 2;
    shape.id_width = 6;
  }
  return shape;
}

std::shared_ptr<Flux1Joint> random_joint(const Flux1JointShape& shape) {
  auto network = std::make_shared<Flux1Joint>(shape);
  randomise(*network, 1);
  return network;
}

Inputs inputs_for(int64_t rows) {
  Inputs inputs;
  inputs.t = at::sigmoid(random_tensor({rows}, 7));
  inputs.obs = random_tensor({rows, tokens, 2}, 8);
  inputs.condition_mask = random_tensor({rows, tokens, 1}, 9) > 0;
  return inputs;
}

at::Tensor order_of(std::vector<int64_t> order) {
  return at::tensor(order, at::kLong);
}

TokenForm any_form() {
  return GENERATE(TokenForm::rotary, TokenForm::sum, TokenForm::concat);
}

}  // namespace

TEST_CASE("a mask of false is no mask, and then e_c has no part in the output", "[model][flux1joint]") {
  const auto network = random_joint(shape_of(any_form()));
  Inputs inputs = inputs_for(4);
  const at::Tensor marked = network->forward(inputs);
  inputs.condition_mask = at::zeros({1, tokens, 1}, at::kBool);
  const at::Tensor unmarked = network->forward(inputs);
  CHECK(largest_difference(marked, unmarked) > 1e-3);
  {
    const c10::NoGradGuard no_gradient;
    network->named_parameters()["condition_embedding"].add_(3);
  }
  CHECK(at::equal(network->forward(inputs), unmarked));
  inputs.condition_mask = torch::Tensor();
  CHECK(at::equal(network->forward(inputs), unmarked));
}

TEST_CASE("permuting tokens with their ids and marks permutes the output", "[model][flux1joint][ids]") {
  const auto network = random_joint(shape_of(any_form()));
  Inputs inputs = inputs_for(3);
  const at::Tensor y = network->forward(inputs);
  REQUIRE(y.sizes() == at::IntArrayRef{3, tokens, 2});
  const at::Tensor order = order_of({3, 0, 4, 1, 2});
  inputs.obs = inputs.obs.index_select(1, order);
  inputs.condition_mask = inputs.condition_mask.index_select(1, order);
  CHECK(largest_difference(network->forward(inputs), y.index_select(1, order)) > 1e-3);
  inputs.obs_ids = order.reshape({1, tokens, 1});
  CHECK(largest_difference(network->forward(inputs), y.index_select(1, order)) < rounding);
}

TEST_CASE("an id axis that is the same for all tokens changes nothing", "[model][flux1joint][ids]") {
  Flux1JointShape shape = shape_of(TokenForm::rotary);
  shape.id_axes = {6, 2};
  const auto network = random_joint(shape);
  Inputs inputs = inputs_for(3);
  const at::Tensor y = network->forward(inputs);
  const at::Tensor index = at::arange(tokens, at::kLong).reshape({1, tokens, 1});
  inputs.obs_ids = at::cat({index, at::ones_like(index)}, 2);
  CHECK(largest_difference(network->forward(inputs), y) < rounding);
}

TEST_CASE("rows do not see each other, and one row of the mask serves all", "[model][flux1joint]") {
  const auto network = random_joint(shape_of(any_form()));
  Inputs inputs = inputs_for(4);
  inputs.condition_mask = inputs.condition_mask.narrow(0, 1, 1);
  const at::Tensor y = network->forward(inputs);
  Inputs row;
  row.t = inputs.t.narrow(0, 2, 1);
  row.obs = inputs.obs.narrow(0, 2, 1);
  row.condition_mask = inputs.condition_mask;
  CHECK(largest_difference(network->forward(row), y.narrow(0, 2, 1)) < rounding);
  inputs.condition_mask = inputs.condition_mask.expand({4, -1, -1}).contiguous();
  CHECK(largest_difference(network->forward(inputs), y) < rounding);
}

TEST_CASE("one time for all rows is as that time for each", "[model][flux1joint]") {
  Flux1JointShape shape = shape_of(any_form());
  shape.guidance_dim = 3;
  const auto network = random_joint(shape);
  Inputs inputs = inputs_for(4);
  inputs.guidance = random_tensor({4, 3}, 11);
  inputs.t = at::tensor({0.3F});
  const at::Tensor once = network->forward(inputs);
  inputs.t = inputs.t.repeat({4});
  CHECK(largest_difference(network->forward(inputs), once) < rounding);
}

TEST_CASE("a joint network with bfloat16 parameters answers in float32, close to float32 parameters",
          "[model][flux1joint][bfloat16]") {
  const auto network = random_joint(shape_of(TokenForm::concat));
  const Inputs inputs = inputs_for(16);
  const at::Tensor exact = network->forward(inputs);
  for (auto& parameter : network->parameters()) parameter.set_data(parameter.detach().to(at::kBFloat16));
  const at::Tensor y = network->forward(inputs);
  CHECK(y.scalar_type() == at::kFloat);
  y.sum().backward();
  for (const auto& parameter : network->parameters()) REQUIRE(parameter.grad().defined());
  // 8 bits of mantissa through 2 blocks
  CHECK(((y - exact).norm() / exact.norm()).item<double>() < 0.05);
}

TEST_CASE("a joint network starts with the scales of the model description",
          "[model][flux1joint][initialise]") {
  Flux1JointShape shape = shape_of(TokenForm::concat);
  shape.block = {8, 16, 256, true};
  shape.tokens = 40;
  shape.value_width = shape.id_width = 60;
  shape.mark_width = 8;
  Flux1Joint network(shape);
  network.initialise(1);
  const auto parameters = network.named_parameters();
  const auto deviation = [&](const std::string& name) { return parameters[name].std().item<double>(); };
  CHECK(parameters["condition_embedding"].eq(0.01F).all().item<bool>());
  // a tenth: 2400 numbers have a standard error of 0.014
  CHECK(std::abs(deviation("ids.embedding") * std::sqrt(60.0) - 1) < 0.1);
  CHECK(std::abs(deviation("single_blocks.1.linear2.weight") * std::sqrt(128.0 + 256.0) - 1) < 0.1);
  CHECK(deviation("single_blocks.0.modulation.lin.weight") == 0);
}

TEST_CASE("what does not fit a joint network is a defect of the caller, by name", "[model][flux1joint]") {
  const auto network = random_joint(shape_of(TokenForm::sum));
  const auto refuses = [&](const auto& change) {
    Inputs inputs = inputs_for(3);
    change(inputs);
    CHECK_THROWS_AS(network->forward(inputs), fluxsbi::core::InternalError);
  };
  refuses([](Inputs& inputs) { inputs.obs = inputs.obs.narrow(1, 0, 2); });
  refuses([](Inputs& inputs) { inputs.condition_mask = inputs.condition_mask.narrow(0, 0, 2); });
  refuses([](Inputs& inputs) { inputs.condition_mask = inputs.condition_mask.to(at::kFloat); });
  refuses([](Inputs& inputs) { inputs.guidance = at::zeros({3, 1}); });
  refuses([](Inputs& inputs) { inputs.edge_mask = at::ones({tokens, tokens}, at::kBool); });
}
