// The embedding networks by themselves: shapes, gradients, invariances, start values.
#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

#include <ATen/ops/conv1d.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/gelu.h>
#include <catch2/generators/catch_generators.hpp>
#include <torch/csrc/autograd/autograd.h>

#include "model/embedding/cnn.hpp"
#include "model/embedding/embedded_network.hpp"
#include "model/flux1/spec.hpp"
#include "model/small_flux1.hpp"
#include "support/catch.hpp"
#include "support/user_error.hpp"

using namespace fluxsbi;
using namespace fluxsbi::model;
using Catch::Matchers::ContainsSubstring;
using test::error_of;

namespace {

const data::DataShape series{2, 1, 24, 2, {}, {}}, image{2, 1, 48, 2, {}, {6, 8}},
    draws{2, 1, 7, 2, {}, {}, true};

data::DataShape with_gaps(data::DataShape shape) {
  shape.padded = false;
  shape.missing = true;
  return shape;
}

EmbeddingSpec read_spec(const std::string& lines, std::vector<std::string>* warnings = nullptr) {
  const config::Value document = config::parse_yaml("embedding: {" + lines + "}\n", "a.yaml");
  config::Reader reader(document);
  EmbeddingSpec spec;
  spec.read(reader);
  const auto found = reader.finish();
  if (warnings) *warnings = found;
  return spec;
}

struct Example {
  std::string lines;
  data::DataShape shape;
  int64_t tokens;
  std::vector<int64_t> grid = {};
};

// Small ones of every network and of every kind of output; features: 6.
const std::vector<Example> examples{
    {"network: mlp, hidden: 8", series, 1},
    {"network: mlp, hidden: 8, layers: 1, output: tokens, tokens: 3", series, 3},
    {"network: residual_mlp, hidden: 8", image, 1},
    {"network: residual_mlp, hidden: 8, output: tokens, tokens: 2", series, 2},
    {"network: cnn1d, channels: [4, 5], kernel: 5", series, 6},
    {"network: cnn1d, channels: [4], kernel: 5, stride: 3, layers: 1, output: vector", series, 1},
    {"network: cnn2d, channels: [4, 5]", image, 4, {2, 2}},
    {"network: cnn2d, channels: [4], output: vector, pooling: mean", image, 1},
    {"network: cnn2d, channels: [4], output: vector, pooling: attention, heads: 2", image, 1},
    {"network: patchify, patch: [3]", series, 8},
    {"network: patchify, patch: [2, 4], positions: learned", image, 6, {3, 2}},
    {"network: patchify, patch: [2, 4], output: vector", image, 1},
    {"network: patchify, patch: [2, 4], output: vector, pooling: sum", image, 1},
    {"network: mlp, hidden: 8", with_gaps(series), 1},
    {"network: cnn1d, channels: [4, 5], stride: 3, kernel: 5, output: vector, pooling: mean",
     with_gaps(series), 1},
    {"network: cnn2d, channels: [4], grid: [6, 8]", with_gaps(image), 12, {3, 4}},
    {"network: patchify, patch: [2, 4], output: vector, pooling: attention, heads: 2", with_gaps(image), 1},
    {"network: set, hidden: 8", with_gaps(draws), 1},
    {"network: set, hidden: 8", draws, 1},
    {"network: set, hidden: 8, pooling: sum, output: tokens, tokens: 3", draws, 3},
    {"network: set, hidden: 8, pooling: attention, heads: 2", draws, 1},
    {"network: set, hidden: 8, pooling: attention, heads: 2, output: tokens, tokens: 3", draws, 3},
    {"network: linear", series, 4},
    {"network: linear, output: vector", image, 1},
    {"network: linear, tokens: 3", with_gaps(series), 3},
};

constexpr int64_t features = 6;

EmbeddingSpec resolved(const Example& example) {
  EmbeddingSpec spec = read_spec(example.lines + ", features: 6");
  spec.resolve(example.shape);
  return spec;
}

std::shared_ptr<Embedding> start_values(const Example& example, uint64_t seed) {
  const auto network = resolved(example).build();
  Initialiser initialiser(seed);
  network->initialise(initialiser);
  return network;
}

// x [rows, M, K] of the shape; of a set some elements are absent, one row has a single one.
at::Tensor data_of(const data::DataShape& shape, int64_t rows, uint64_t seed) {
  at::Tensor x = random_tensor({rows, shape.x_dim, shape.x_channels}, seed);
  if (shape.missing)
    x.masked_fill_(random_tensor(x.sizes(), seed + 1) > 0.8, std::numeric_limits<float>::quiet_NaN());
  if (!shape.padded) return x;
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t present = 1 + row % shape.x_dim;
    x[row].narrow(0, present, shape.x_dim - present).fill_(std::numeric_limits<float>::quiet_NaN());
  }
  return x;
}

data::DataShape seen_by_network(const Example& example) {
  return read_spec(example.lines + ", features: 6").resolve(example.shape);
}

/// A small Flux1 with the example's embedding, all parameters away from their start.
std::shared_ptr<Network> whole_network(const Example& example, uint64_t seed = 3) {
  const config::Value document = config::parse_yaml(
      "model: {depth: 1, depth_single_blocks: 1, num_heads: 2, axes_dim: [4], id_embedding_strategy: "
      "[absolute, absolute]}\n",
      "a.yaml");
  config::Reader reader(document);
  Flux1Spec model;
  model.read(reader);
  EmbeddingSpec embedding = read_spec(example.lines + ", features: 6");
  resolve(model, embedding, example.shape);
  const auto network = build_network(model, embedding);
  network->initialise(seed);
  const c10::NoGradGuard no_gradient;
  for (auto& parameter : network->parameters()) parameter += 0.2 * random_tensor(parameter.sizes(), ++seed);
  return network;
}

Inputs inputs_of(const Example& example, int64_t rows) {
  Inputs inputs;
  inputs.t = at::sigmoid(random_tensor({rows}, 7));
  inputs.obs = random_tensor({rows, 2, 1}, 8);
  inputs.cond = data_of(example.shape, rows, 9);
  return inputs;
}

}  // namespace

// Two features of theta, of which x tells the second alone.
TEST_CASE("a linear embedding network begins with the regression of theta on x", "[model][embedding]") {
  const Example example{"network: linear, tokens: 3", {2, 1, 4, 1}, 3};
  const auto network = whole_network(example), other = whole_network(example);
  const data::Regression regression{{0, 0.3}, {0, 0, 0, 0, 1, 2, 0, -1}, {1, 0.6}};
  begin_with(regression, *network);
  const at::Tensor x = random_tensor({5, 4, 1}, 4), tokens = network->embed(x), before = other->embed(x);
  REQUIRE(tokens.sizes() == at::IntArrayRef({5, 3, 6}));
  const at::Tensor told = (0.3 + x.select(1, 0) + 2 * x.select(1, 1) - x.select(1, 3)).squeeze(1) / 0.8;
  CHECK(at::allclose(tokens.select(1, 1).select(1, 0), told, 1e-5, 1e-5));  // of variance 1 - 0.6^2
  CHECK(at::equal(tokens.select(1, 0), before.select(1, 0)));
  CHECK(at::equal(tokens.select(1, 2), before.select(1, 2)));
  CHECK(at::equal(tokens.select(1, 1).narrow(1, 1, 5), before.select(1, 1).narrow(1, 1, 5)));
  begin_with({}, *other);
  CHECK(at::equal(other->embed(x), before));
}

TEST_CASE("every embedding network makes the tokens that its section promises", "[model][embedding]") {
  for (const auto& example : examples) {
    CAPTURE(example.lines);
    const auto seen = seen_by_network(example);
    CHECK(seen.x_dim == example.tokens);
    CHECK(seen.x_channels == features);
    CHECK(seen.x_grid == example.grid);
    CHECK(seen.theta_dim == 2);
    CHECK_FALSE(seen.padded);
    const auto network = start_values(example, 1);
    const at::Tensor tokens = network->forward(data_of(example.shape, 9, 2));
    CHECK(tokens.sizes().vec() == std::vector<int64_t>{9, example.tokens, features});
    CHECK(tokens.scalar_type() == at::kFloat);
    CHECK(tokens.isfinite().all().item<bool>());
    const double deviation = tokens.std().item<double>();
    CHECK((deviation > 0.05 && deviation < 20));  // neither dead nor exploding at the start
  }
}

TEST_CASE("the gradient reaches every parameter of an embedding network", "[model][embedding]") {
  for (const auto& example : examples) {
    CAPTURE(example.lines);
    const auto network = start_values(example, 1);
    const at::Tensor tokens = network->forward(data_of(example.shape, 9, 2));
    tokens.backward(random_tensor(tokens.sizes(), 4));
    for (const auto& item : network->named_parameters()) {
      CAPTURE(item.key());
      REQUIRE(item.value().grad().defined());
      CHECK(item.value().grad().isfinite().all().item<bool>());
      CHECK(item.value().grad().abs().max().item<double>() > 0);
    }
  }
}

TEST_CASE("a convolution of patches is the library's convolution and a gelu", "[model][embedding]") {
  for (const int64_t axes : {1, 2}) {
    CAPTURE(axes);
    Convolution convolution(axes, 3, 4, 5, 2);
    Initialiser initialiser(1);
    convolution.initialise(initialiser);
    const auto parameters = convolution.named_parameters();
    const at::NoGradGuard no_gradient;
    parameters["bias"].copy_(random_tensor({4}, 2));
    const at::Tensor x =
        random_tensor(axes == 1 ? std::vector<int64_t>{2, 3, 9} : std::vector<int64_t>{2, 3, 8, 7}, 3);
    const at::Tensor y = axes == 1 ? at::conv1d(x, parameters["weight"], parameters["bias"], 2, 2)
                                   : at::conv2d(x, parameters["weight"], parameters["bias"], {2, 2}, {2, 2});
    const at::Tensor found = convolution.forward(x);
    REQUIRE(found.sizes() == y.sizes());
    CHECK(largest_difference(found, at::gelu(y, "tanh")) < 1e-5);
  }
}

TEST_CASE("an embedding depends on all of x", "[model][embedding]") {
  for (const auto& example : examples) {
    CAPTURE(example.lines);
    const auto network = start_values(example, 1);
    at::Tensor x = random_tensor({1, example.shape.x_dim, example.shape.x_channels}, 3);
    const at::Tensor before = network->forward(x);
    for (int64_t i = 0; i < x.numel(); ++i) {
      at::Tensor moved = x.clone();
      moved.view({-1})[i] += 1;
      CHECK(largest_difference(network->forward(moved), before) > 1e-6);
    }
  }
}

TEST_CASE("start values depend on the seed alone and differ between parameters and networks",
          "[model][embedding]") {
  for (const auto& example : examples) {
    CAPTURE(example.lines);
    const auto first = start_values(example, 5), again = start_values(example, 5),
               other = start_values(example, 6);
    at::manual_seed(17);  // LibTorch's own generator plays no part
    for (const auto& item : first->named_parameters()) {
      CHECK(at::equal(item.value(), again->named_parameters()[item.key()]));
    }
    const auto weight =
        first->named_parameters().keys()[example.shape.missing ? 1 : 0];  // `missing` starts at 0
    CHECK_FALSE(at::equal(first->named_parameters()[weight], other->named_parameters()[weight]));
  }
  const auto network = whole_network(examples[4]);
  network->initialise(5);
  std::set<float> starts;  // the first entry of each weight
  int64_t weights = 0;
  for (const auto& item : network->named_parameters()) {
    const at::Tensor flat = item.value().view({-1});
    if (flat.abs().max().item<float>() == 0 || flat.std().item<float>() == 0) continue;  // zeros and ones
    starts.insert(flat[0].item<float>());
    ++weights;
  }
  CHECK(std::ssize(starts) == weights);
}

TEST_CASE("a set gives the same bits in any order and with its padding anywhere", "[model][embedding][set]") {
  for (const auto& example : examples) {
    if (!example.shape.padded) continue;
    CAPTURE(example.lines);
    const auto network = start_values(example, 1);
    at::Tensor x = data_of(example.shape, 14, 2);
    x[13][2][0] = x[13][0][0].item<float>();  // a tie that the second channel decides
    const at::Tensor tokens = network->forward(x);
    core::Philox random(3, core::Purpose::test);
    for (int attempt = 0; attempt < 5; ++attempt) {
      std::vector<int64_t> order(static_cast<size_t>(x.size(1)));
      std::iota(order.begin(), order.end(), 0);
      for (size_t i = order.size() - 1; i > 0; --i) std::swap(order[i], order[random.below(i + 1)]);
      const at::Tensor shuffled = x.index_select(1, at::tensor(order));
      CHECK(at::equal(network->forward(shuffled), tokens));
    }
  }
}

TEST_CASE("more room for absent elements changes a set's tokens by rounding alone",
          "[model][embedding][set]") {
  for (const auto& example : examples) {
    if (!example.shape.padded) continue;
    const auto network = start_values(example, 1);
    const at::Tensor x = data_of(example.shape, 14, 2);
    const at::Tensor nothing = at::full({14, 9, 2}, std::numeric_limits<float>::quiet_NaN());
    CHECK(largest_difference(network->forward(at::cat({nothing, x}, 1)), network->forward(x)) < rounding);
  }
}

TEST_CASE("a set of more equal elements is not the same as one of them", "[model][embedding][set]") {
  // the posterior of ten equal draws is narrower than that of one
  for (const auto& example : examples) {
    if (!example.shape.padded) continue;
    const auto network = start_values(example, 1);
    const at::Tensor one = data_of(example.shape, 1, 2);
    const at::Tensor same = one.narrow(1, 0, 1).expand({1, example.shape.x_dim, 2}).contiguous();
    CHECK(largest_difference(network->forward(one), network->forward(same)) > 1e-4);
  }
}

TEST_CASE("the patches of an image are its blocks, row by row", "[model][embedding]") {
  const auto network = start_values(examples[10], 1);
  const at::Tensor x = random_tensor({1, 6, 8, 2}, 3);
  const at::Tensor tokens = network->forward(x.view({1, 48, 2}));
  at::Tensor moved = x.clone();
  moved.slice(1, 2, 4).slice(2, 4, 8) += 1;  // the block of rows 2, 3 and columns 4 to 7: row 1, column 1
  const at::Tensor change = (network->forward(moved.view({1, 48, 2})) - tokens).abs().amax(2)[0];
  for (int64_t token = 0; token < 6; ++token) CHECK((change[token].item<double>() > 0) == (token == 3));
}

TEST_CASE("a network with an embedding takes raw x or its tokens", "[model][embedding]") {
  for (const auto& example : examples) {
    CAPTURE(example.lines);
    const auto network = whole_network(example);
    const at::NoGradGuard no_gradient;
    Inputs inputs = inputs_of(example, 5);
    const at::Tensor from_raw = network->forward(inputs);
    CHECK(from_raw.sizes().vec() == std::vector<int64_t>{5, 2, 1});
    inputs.cond = network->embed(inputs.cond);
    inputs.embedded = true;
    CHECK(at::equal(network->forward(inputs), from_raw));
    inputs.cond = inputs.cond.narrow(0, 0, 1);  // one observation for all rows
    CHECK(network->forward(inputs).size(0) == 5);
  }
}

TEST_CASE("the parameters of both networks have names of their own", "[model][embedding]") {
  for (const auto& item : whole_network(examples[0])->named_parameters()) {
    const bool known = item.key().starts_with("embedding.") || item.key().starts_with("network.");
    CHECK(known);
  }
}

TEST_CASE("without an embedding the network is the model's own", "[model][embedding]") {
  Flux1Spec model;
  EmbeddingSpec embedding = read_spec("network: none");
  resolve(model, embedding, series);
  const auto names = build_network(model, embedding)->named_parameters().keys();
  CHECK(std::none_of(names.begin(), names.end(),
                     [](const auto& name) { return name.starts_with("network."); }));
  CHECK(embedding.remarks().empty());
  const at::Tensor x = random_tensor({2, 24, 2}, 1);
  CHECK(build_network(model, embedding)->embed(x).is_same(x));
}

TEST_CASE("bfloat16 parameters leave the embedding's arithmetic in float32", "[model][embedding]") {
  for (const auto& example : examples) {
    CAPTURE(example.lines);
    const auto network = start_values(example, 1), rounded = start_values(example, 1);
    const at::NoGradGuard no_gradient;
    for (auto& parameter : network->parameters()) parameter.copy_(parameter.to(at::kBFloat16));
    rounded->to(at::kBFloat16);
    const at::Tensor x = data_of(example.shape, 9, 2);
    // Of the same numbers; the order of a convolution's sums is the library's choice.
    CHECK(largest_difference(rounded->forward(x), network->forward(x)) < 1e-5);
  }
}
