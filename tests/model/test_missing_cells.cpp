// What a network sees of values of x that are missing.
#include <limits>

#include <ATen/core/grad_mode.h>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <torch/csrc/autograd/autograd.h>

#include "model/embedding/cnn.hpp"
#include "model/embedding/embedded_network.hpp"
#include "model/embedding/missing_cells.hpp"
#include "model/flux1/spec.hpp"
#include "model/small_flux1.hpp"
#include "support/catch.hpp"

namespace {

using namespace fluxsbi;
using namespace fluxsbi::model;
using Catch::Matchers::WithinAbs;

constexpr float nan = std::numeric_limits<float>::quiet_NaN();

// x [2, 3, 1] in which two values are missing, and a Flux1 that knows it.
struct Holes {
  Holes() {
    const config::Value document = config::parse_yaml(
        "model: {depth: 1, depth_single_blocks: 1, num_heads: 2, axes_dim: [4], id_embedding_strategy: "
        "[absolute, absolute]}\n",
        "a.yaml");
    config::Reader reader(document);
    Flux1Spec model;
    model.read(reader);
    EmbeddingSpec embedding;
    embedding.read(reader);
    data::DataShape shape{2, 1, 3, 1, {}, {}};
    shape.missing = true;
    seen = resolve(model, embedding, shape);
    network = build_network(model, embedding);
    network->initialise(1);
    const at::NoGradGuard no_grad;
    uint64_t seed = 3;
    for (auto& parameter : network->parameters()) parameter += 0.3 * random_tensor(parameter.sizes(), ++seed);
    inputs.t = at::tensor({0.3F, 0.6F});
    inputs.obs = random_tensor({2, 2, 1}, 5);
    inputs.cond = at::tensor({0.5F, nan, -1.0F, nan, 2.0F, 0.1F}).view({2, 3, 1});
  }
  torch::Tensor learned() const { return network->named_parameters()["embedding.missing"]; }

  data::DataShape seen;
  std::shared_ptr<Network> network;
  Inputs inputs;
};

TEST_CASE("a missing value is a learned number and a mark", "[model][missing]") {
  const Holes holes;
  CHECK(holes.seen.x_channels == 2);
  CHECK_FALSE(holes.seen.missing);
  const at::Tensor tokens = holes.network->embed(holes.inputs.cond);
  REQUIRE(tokens.sizes().vec() == std::vector<int64_t>{2, 3, 2});
  CHECK(tokens.select(2, 1).equal(at::tensor({0.0F, 1.0F, 0.0F, 1.0F, 0.0F, 0.0F}).view({2, 3})));
  CHECK(tokens[0][0][0].item<float>() == 0.5F);
  CHECK(tokens[0][1][0].item<float>() == holes.learned()[1][0].item<float>());
  CHECK(tokens[1][0][0].item<float>() == holes.learned()[0][0].item<float>());
}

TEST_CASE("the learned numbers have the gradient of the differences they make", "[model][missing]") {
  const Holes holes;
  const at::Tensor cotangent = random_tensor({2, 2, 1}, 11);
  const auto value = [&] { return (holes.network->forward(holes.inputs) * cotangent).sum(); };
  const at::Tensor gradient = torch::autograd::grad({value()}, {holes.learned()})[0];
  const at::NoGradGuard no_grad;
  constexpr double step = 1e-2, tolerance = 2e-3;  // float32 through two blocks: the difference has 3 digits
  for (int64_t place = 0; place < 3; ++place) {
    const at::Tensor number = holes.learned()[place];
    number.add_(step);
    const double above = value().item<double>();
    number.sub_(2 * step);
    const double below = value().item<double>();
    number.add_(step);
    CHECK_THAT(gradient[place].item<double>(), WithinAbs((above - below) / (2 * step), tolerance));
  }
  CHECK(gradient[0].abs().item<double>() > tolerance);
  CHECK(gradient[2].item<double>() == 0);  // x_2 is nowhere missing
}

TEST_CASE("places without a value are left out of pooling, unless a row has no other", "[model][missing]") {
  const at::Tensor both = at::tensor({1.F, 0.F, 0.F, 1.F, 0.F, 1.F, 0.F, 1.F}).view({2, 2, 2});
  CHECK(present_places(both).equal(at::tensor({1, 0, 1, 1}).view({2, 2}).to(at::kBool)));
  const at::Tensor series = at::tensor({1, 1, 0, 0, 0, 0, 1}).view({1, 7}).to(at::kBool);
  CHECK(present_after_stride(series, 2).equal(at::tensor({1, 0, 0, 1}).view({1, 4}).to(at::kBool)));
  Readout mean(4, 3, Pool::mean, 1, 2), sum(4, 3, Pool::sum, 1, 2);
  Initialiser initialiser(1);
  mean.initialise(initialiser);
  sum.initialise(initialiser);
  const at::Tensor x = random_tensor({1, 4, 3}, 2), some = x.narrow(1, 0, 2);
  const at::Tensor present = at::tensor({1, 1, 0, 0}).view({1, 4}).to(at::kBool);
  CHECK(at::allclose(mean.forward(x, present), mean.forward(some)));
  CHECK(at::allclose(sum.forward(x, present), sum.forward(some)));
}

TEST_CASE("a joint model marks tokens that have no value by itself", "[model][missing]") {
  Inputs inputs;
  CHECK_FALSE(mark_factor(inputs).defined());
  inputs.condition_mask = at::tensor({1, 0, 0}).view({1, 3, 1}).to(at::kBool);
  CHECK(mark_factor(inputs).is_same(inputs.condition_mask));
  inputs.missing = at::tensor({0, 0, 1}).view({1, 3, 1}).to(at::kBool);
  CHECK(mark_factor(inputs).equal(at::tensor({1.F, 0.F, -1.F}).view({1, 3, 1})));
}

}  // namespace
