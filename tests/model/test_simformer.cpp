#include <catch2/generators/catch_generators.hpp>

#include "core/error.hpp"
#include "model/gensbi_layout.hpp"
#include "model/small_simformer.hpp"
#include "support/catch.hpp"

using namespace fluxsbi::model;

namespace {

Inputs joint_rows_of(const Inputs& inputs, const at::Tensor& rows) {
  Inputs picked;
  picked.t = inputs.t.index_select(0, rows);
  picked.obs = inputs.obs.index_select(0, rows);
  picked.condition_mask = inputs.condition_mask.index_select(0, rows);
  if (inputs.edge_mask.defined()) picked.edge_mask = inputs.edge_mask.index_select(0, rows);
  return picked;
}

at::Tensor random_edges(at::IntArrayRef shape, uint64_t seed) {
  return random_tensor(shape, seed) > 0;
}

// How far the output's token i moves when the value of token j does, [L, L].
at::Tensor influence(Simformer& network, const Inputs& inputs) {
  const int64_t L = inputs.obs.size(1);
  const at::Tensor y = network.forward(inputs), moved = at::empty({L, L});
  for (int64_t j = 0; j < L; ++j) {
    Inputs other = inputs;
    other.obs = inputs.obs.clone();
    other.obs.select(1, j) += 1;
    moved.select(1, j).copy_((network.forward(other) - y).abs().amax(at::IntArrayRef{0, 2}));
  }
  return moved;
}

}  // namespace

TEST_CASE("permuting the rows of a batch permutes Simformer's output", "[model][simformer]") {
  const auto network = random_simformer(small_simformer_shape());
  Inputs inputs = joint_inputs(6);
  inputs.edge_mask = random_edges({6, 4, 4}, 3);
  const at::Tensor order = at::tensor({3, 1, 5, 0, 4, 2}, at::kLong);
  const at::Tensor y = network->forward(inputs);
  REQUIRE(y.sizes() == at::IntArrayRef{6, 4, 1});
  CHECK(largest_difference(network->forward(joint_rows_of(inputs, order)), y.index_select(0, order)) <
        rounding);
  const at::Tensor row = at::tensor({4}, at::kLong);
  CHECK(largest_difference(network->forward(joint_rows_of(inputs, row)), y.narrow(0, 4, 1)) < rounding);
}

TEST_CASE("one condition mask and one time serve the whole batch", "[model][simformer]") {
  const auto network = random_simformer(small_simformer_shape());
  Inputs inputs = joint_inputs(5);
  inputs.condition_mask = inputs.condition_mask.narrow(0, 2, 1);
  inputs.t = at::full({1}, 0.3);
  Inputs repeated = inputs;
  repeated.condition_mask = inputs.condition_mask.expand({5, -1, -1}).contiguous();
  repeated.t = inputs.t.repeat({5});
  CHECK(largest_difference(network->forward(inputs), network->forward(repeated)) < rounding);
}

TEST_CASE("without a condition mask no token is conditioned on", "[model][simformer]") {
  const auto network = random_simformer(small_simformer_shape());
  Inputs none = joint_inputs(3), all = none;
  none.condition_mask = at::zeros({1, 4, 1}, at::kBool);
  all.condition_mask = at::ones({1, 4, 1}, at::kBool);
  Inputs unsaid = none;
  unsaid.condition_mask = at::Tensor();
  CHECK(at::equal(network->forward(unsaid), network->forward(none)));
  CHECK(largest_difference(network->forward(all), network->forward(none)) > 1e-3);
}

TEST_CASE("the default ids are 0, 1, 2, ...; others pick rows of the table", "[model][simformer]") {
  const auto network = random_simformer(small_simformer_shape());
  const Inputs inputs = joint_inputs(3);
  Inputs given = inputs;
  given.obs_ids = at::tensor({0, 1, 2, 3}, at::kLong).reshape({1, 4, 1});
  CHECK(at::equal(network->forward(given), network->forward(inputs)));
  given.obs_ids = given.obs_ids.flip(1);
  given.obs = inputs.obs.flip(1);
  given.condition_mask = inputs.condition_mask.flip(1);
  CHECK(largest_difference(network->forward(given), network->forward(inputs).flip(1)) < rounding);
}

TEST_CASE("tokens influence each other exactly along the edges", "[model][simformer][edges]") {
  // Two layers pass on what lies two edges away: 0 <- 1 <- 2, and 3 alone.
  const EdgeRows edges{"1100", "0110", "0010", "0001"};
  const auto network = random_simformer(small_simformer_shape(edges));
  const at::Tensor reached = influence(*network, joint_inputs(4)) > 0;
  const at::Tensor expected =
      at::tensor({1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1}, at::kLong).reshape({4, 4}).to(at::kBool);
  CHECK(at::equal(reached, expected));
}

TEST_CASE("an edge mask of the inputs replaces the network's own, in any of its forms",
          "[model][simformer][edges]") {
  const EdgeRows edges{"1010", "0110", "1111", "0001"};
  const auto own = random_simformer(small_simformer_shape(edges)),
             none = random_simformer(small_simformer_shape());
  const Inputs inputs = joint_inputs(5);
  Inputs given = inputs;
  given.edge_mask = edge_table(edges).squeeze(1).to(at::kBool);
  const at::Tensor y = own->forward(inputs);
  CHECK(at::equal(none->forward(given), y));
  CHECK(largest_difference(none->forward(inputs), y) > 1e-3);
  given.edge_mask = given.edge_mask.unsqueeze(0).expand({5, 4, 4});
  CHECK(largest_difference(none->forward(given), y) < rounding);
  given.edge_mask = at::ones({4, 4}, at::kBool);
  CHECK(largest_difference(own->forward(given), none->forward(inputs)) < rounding);
}

TEST_CASE("a token that may attend nowhere attends to all alike", "[model][simformer][edges]") {
  const auto network = random_simformer(small_simformer_shape({"1111", "0000", "1111", "1111"}));
  Inputs inputs = joint_inputs(3);
  const at::Tensor y = network->forward(inputs);
  CHECK(y.isfinite().all().item<bool>());
  y.sum().backward();
  for (const auto& parameter : network->parameters()) CHECK(parameter.grad().isfinite().all().item<bool>());
  CHECK((influence(*network, inputs)[1] > 0).all().item<bool>());
}

TEST_CASE("bfloat16 concerns the MLPs' arithmetic alone", "[model][simformer][bfloat16]") {
  const auto network = random_simformer(small_simformer_shape());
  const Inputs inputs = joint_inputs(16);
  const at::Tensor exact = network->forward(inputs);
  CHECK(network->accept(at::kBFloat16) == at::kFloat);
  const at::Tensor y = network->forward(inputs);
  CHECK(y.scalar_type() == at::kFloat);
  const double error = ((y - exact).norm() / exact.norm()).item<double>();
  CHECK(error > 1e-5);
  CHECK(error < 0.02);  // 8 bits of mantissa in two MLPs; measured 0.003
  y.sum().backward();
  for (const auto& parameter : network->parameters()) {
    REQUIRE(parameter.grad().defined());
    CHECK(parameter.grad().scalar_type() == at::kFloat);
  }
  CHECK(network->accept(at::kFloat) == at::kFloat);
  CHECK(at::equal(network->forward(inputs), exact));
}

TEST_CASE("Simformer's start values are those of the model description", "[model][simformer][initialise]") {
  SimformerShape shape = small_simformer_shape();
  shape.block = {128, 4, 128, 256, 1, 512};
  shape.id_width = 64;
  shape.value_width = shape.condition_width = 32;
  shape.tokens = 200;
  Simformer network(shape);
  network.initialise(1);
  const auto parameters = network.named_parameters();
  const auto deviation = [&](const std::string& name) { return parameters[name].std().item<double>(); };
  // 5 %: thousands of numbers; 15 % for the 257 frequencies
  CHECK(std::abs(deviation("embedding_net_id.embedding") * 8 - 1) < 0.05);
  CHECK(std::abs(deviation("transformer.attention_blocks.1.attn.key.weight") * std::sqrt(128.0) - 1) < 0.05);
  CHECK(std::abs(deviation("transformer.dense_blocks.0.hidden_blocks.1.weight") * 16 - 1) < 0.05);
  CHECK(std::abs(deviation("embedding_time.B") - 1) < 0.15);
  CHECK(parameters["embedding_net_value.p_skip"].eq(0.01F).all().item<bool>());
  CHECK(parameters["condition_embedding"].eq(0.01F).all().item<bool>());
  CHECK(parameters["transformer.layer_norm.scale"].eq(1).all().item<bool>());
  CHECK(parameters["transformer.layer_norm.bias"].eq(0).all().item<bool>());
}

TEST_CASE("Simformer's parameters carry GenSBI's names", "[model][simformer][gensbi]") {
  const auto network = random_simformer(small_simformer_shape());
  std::vector<std::string> paths;
  for (const auto& parameter : gensbi_layout(*network)) paths.push_back(parameter.path);
  for (const char* path :
       {"condition_embedding", "embedding_net_id.embedding", "embedding_net_value.p_skip",
        "embedding_net_value.in_layer.kernel", "embedding_time.B", "output_fn.kernel",
        "transformer.attention_blocks.1.attn.query.kernel", "transformer.attention_blocks.0.layer_norm.scale",
        "transformer.dense_blocks.1.context_block.bias", "transformer.dense_blocks.0.hidden_blocks.1.kernel",
        "transformer.layer_norm.bias"}) {
    CAPTURE(path);
    CHECK(std::count(paths.begin(), paths.end(), path) == 1);
  }
}

TEST_CASE("a bias that GenSBI splits by heads is read", "[model][gensbi]") {
  const GensbiParameter bias{"a.bias", "a.bias", false};
  const at::Tensor values = random_tensor({12}, 1);
  CHECK(at::equal(from_gensbi(bias, values.reshape({3, 4}), {12}), values));
}

TEST_CASE("inputs that do not fit Simformer are refused", "[model][simformer]") {
  const auto network = random_simformer(small_simformer_shape());
  const Inputs good = joint_inputs(3);
  const auto refused = [&](auto change) {
    Inputs inputs = good;
    change(inputs);
    CHECK_THROWS_AS(network->forward(inputs), fluxsbi::core::InternalError);
  };
  refused([](Inputs& in) { in.obs = in.obs.narrow(1, 0, 3); });
  refused([](Inputs& in) { in.obs = at::cat({in.obs, in.obs}, 2); });
  refused([](Inputs& in) { in.condition_mask = in.condition_mask.narrow(1, 0, 3); });
  refused([](Inputs& in) { in.edge_mask = at::ones({3, 3}, at::kBool); });
  refused([](Inputs& in) { in.edge_mask = at::ones({2, 4, 4}, at::kBool); });
}
