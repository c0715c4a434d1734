// The fused operations against the plain tensor operations beside them, values and all gradients in float64.
#include <functional>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <catch2/generators/catch_generators.hpp>
#include <torch/csrc/autograd/autograd.h>

#include "model/blocks/rope.hpp"
#include "model/ops/attention.hpp"
#include "model/ops/elementwise.hpp"
#include "model/ops/fused.hpp"
#include "support/catch.hpp"

using namespace fluxsbi::model;

namespace {

using Tensors = std::vector<at::Tensor>;
using Operation = std::function<Tensors(const Tensors&)>;

// Float32 arithmetic of some tens of operations on numbers of size 1, and sums over up to 64 tokens or 300
// samples: relative to the largest element.
constexpr double tolerance = 2e-5;

struct Outcome {
  Tensors out, gradients;
};

// Outputs, and the gradients of a random weighted sum of them.
Outcome evaluate(const Operation& operation, const Tensors& inputs, const Tensors& cotangents) {
  Outcome outcome;
  outcome.out = operation(inputs);
  outcome.gradients = torch::autograd::grad(outcome.out, inputs, cotangents);
  return outcome;
}

Tensors doubles(const Tensors& list) {
  Tensors result;
  for (const at::Tensor& x : list)
    result.push_back(x.detach().to(at::kDouble).requires_grad_(x.requires_grad()));
  return result;
}

double worst_difference(const Tensors& found, const Tensors& expected) {
  double worst = 0;
  REQUIRE(found.size() == expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    REQUIRE(found[i].sizes() == expected[i].sizes());
    const double scale = std::max(1.0, expected[i].abs().max().item<double>());
    worst = std::max(worst, (found[i].to(at::kDouble) - expected[i]).abs().max().item<double>() / scale);
  }
  return worst;
}

Tensors cotangents_of(const Operation& operation, const Tensors& inputs) {
  Tensors result;
  for (const at::Tensor& out : operation(inputs)) result.push_back(at::randn_like(out.detach()));
  return result;
}

// `fused` in float32 against `reference` in float64.
void compare(const Operation& fused, const Operation& reference, const Tensors& inputs) {
  for (at::Tensor x : inputs) x.requires_grad_();
  const Tensors cotangents = cotangents_of(reference, inputs);
  const Outcome found = evaluate(fused, inputs, cotangents);
  const Outcome expected = evaluate(reference, doubles(inputs), doubles(cotangents));
  CHECK(worst_difference(found.out, expected.out) < tolerance);
  CHECK(worst_difference(found.gradients, expected.gradients) < tolerance);

  const at::NoGradGuard no_gradient;
  CHECK(worst_difference(fused(inputs), expected.out) < tolerance);
}

// A [T, B, F] tensor that is a part of wider rows, as a view of a Linear's output is.
at::Tensor strided(int64_t T, int64_t B, int64_t F) {
  return at::randn({T, B, F + 5}).narrow(-1, 3, F);
}

const Operation fused_norm = [](const Tensors& in) {
  return Tensors{ops::modulated_norm(in[0], in[1], in[2])};
};
const Operation plain_norm = [](const Tensors& in) {
  return Tensors{ops::reference::modulated_norm(in[0], in[1], in[2])};
};
const Operation fused_gate = [](const Tensors& in) {
  return Tensors{ops::gated_residual(in[0], in[1], in[2])};
};
const Operation plain_gate = [](const Tensors& in) {
  return Tensors{ops::reference::gated_residual(in[0], in[1], in[2])};
};
const Operation fused_gelu = [](const Tensors& in) { return Tensors{ops::gelu(in[0])}; };
const Operation plain_gelu = [](const Tensors& in) { return Tensors{ops::reference::gelu(in[0])}; };

enum class Edges { all, shared, per_sample };

struct AttentionShape {
  std::vector<int64_t> tokens;
  int64_t B, H, D, m;
  bool rope, rope_per_sample;
  bool normed = true;
  Edges edges = Edges::all;

  int64_t all_tokens() const { return std::accumulate(tokens.begin(), tokens.end(), int64_t{0}); }
};

at::Tensor random_rope(const AttentionShape& shape) {
  if (!shape.rope) return {};
  return rope_table(at::randint(0, 9, {shape.all_tokens(), shape.rope_per_sample ? shape.B : 1, 1}),
                    {shape.D}, 100.0, shape.H);
}

// The first sample's middle token may attend to none.
at::Tensor random_edges(const AttentionShape& shape) {
  if (shape.edges == Edges::all) return {};
  const int64_t T = shape.all_tokens(), samples = shape.edges == Edges::shared ? 1 : shape.B;
  const at::Tensor edges = (at::rand({T, samples, T}) > 0.4).to(at::kFloat);
  edges[T / 2][0].zero_();
  return edges;
}

Tensors attention_inputs(const AttentionShape& shape) {
  Tensors inputs;
  for (const int64_t tokens : shape.tokens) {
    inputs.push_back(strided(tokens, shape.B, 3 * shape.H * shape.D + shape.m));
    for (int i = 0; shape.normed && i < 2; ++i) inputs.push_back(at::rand({shape.D}) + 0.5);
  }
  return inputs;
}

std::vector<ops::Stream> streams_of(const Tensors& inputs, bool normed) {
  std::vector<ops::Stream> streams;
  for (size_t i = 0; i < inputs.size(); i += normed ? 3 : 1) {
    streams.push_back(normed ? ops::Stream{inputs[i], inputs[i + 1], inputs[i + 2]}
                             : ops::Stream{inputs[i], {}, {}});
  }
  return streams;
}

Operation attention_by(decltype(&ops::attention) function, const at::Tensor& rope, int64_t heads,
                       bool normed = true, const at::Tensor& edges = {}) {
  return [=](const Tensors& in) {
    const bool wide = in[0].scalar_type() == at::kDouble && rope.defined();
    return function(streams_of(in, normed), wide ? rope.to(at::kComplexDouble) : rope, heads, edges);
  };
}

// The fused one and the reference, told the same.
std::pair<Operation, Operation> attentions(const AttentionShape& shape) {
  const at::Tensor rope = random_rope(shape), edges = random_edges(shape);
  return {attention_by(ops::attention, rope, shape.H, shape.normed, edges),
          attention_by(ops::reference::attention, rope, shape.H, shape.normed, edges)};
}

}  // namespace

TEST_CASE("the fused modulated norm is the reference's, with all gradients", "[model][ops]") {
  at::manual_seed(1);
  const auto [T, B, F] = GENERATE(std::tuple{4, 256, 40}, std::tuple{1, 1, 1}, std::tuple{3, 7, 5},
                                  std::tuple{1, 33, 64}, std::tuple{5, 2, 37});
  CAPTURE(T, B, F);
  compare(fused_norm, plain_norm,
          {strided(T, B, F), at::randn({B, 3 * F}).narrow(1, F, F), at::randn({B, F})});
}

TEST_CASE("the fused modulated norm holds its accuracy far from zero", "[model][ops]") {
  at::manual_seed(2);
  // The mean is rounded to 1000 * 2^-24; what is left of it is seen beside a deviation of 1.
  const Tensors inputs{at::randn({3, 5, 40}) + 1000, at::randn({5, 40}), at::randn({5, 40})};
  const at::Tensor expected = plain_norm(doubles(inputs))[0];
  CHECK(worst_difference(fused_norm(inputs), {expected}) < 1e-4);
}

TEST_CASE("the fused gated residual is the reference's, with all gradients", "[model][ops]") {
  at::manual_seed(3);
  const auto [T, B, F] =
      GENERATE(std::tuple{4, 256, 40}, std::tuple{1, 1, 1}, std::tuple{3, 7, 5}, std::tuple{1, 33, 64});
  CAPTURE(T, B, F);
  compare(fused_gate, plain_gate,
          {strided(T, B, F), at::randn({B, 3 * F}).narrow(1, F, F), strided(T, B, F)});
}

TEST_CASE("the fused gelu is the reference's, with its gradient", "[model][ops]") {
  at::manual_seed(4);
  const auto [T, B, F] = GENERATE(std::tuple{4, 256, 160}, std::tuple{1, 1, 1}, std::tuple{2, 3, 13});
  CAPTURE(T, B, F);
  compare(fused_gelu, plain_gelu, {strided(T, B, F) * 4});
}

TEST_CASE("the fused gelu is right for very large, infinite and undefined numbers", "[model][ops]") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const at::Tensor x = at::tensor({-1e15F, -1e4F, -20.0F, 20.0F, 1e4F, 1e15F, infinity, std::nanf("")})
                           .view({1, 1, 8})
                           .requires_grad_();
  const at::Tensor y = ops::gelu(x);
  // e^(-2 u) stops at e^80, so that what is 0 in exact arithmetic is below |x| e^-80.
  const at::Tensor expected = at::tensor({0.0F, 0.0F, 0.0F, 20.0F, 1e4F, 1e15F, infinity}).view({1, 1, 7});
  CHECK(at::allclose(y.detach().narrow(2, 0, 7), expected, /*rtol=*/0, /*atol=*/1e-19));
  CHECK(y[0][0][7].isnan().item<bool>());
  const at::Tensor slope = torch::autograd::grad({y.sum()}, {x})[0];
  CHECK(at::allclose(slope.narrow(2, 0, 6), at::tensor({0.0F, 0.0F, 0.0F, 1.0F, 1.0F, 1.0F}).view({1, 1, 6}),
                     /*rtol=*/0, /*atol=*/1e-30));
}

TEST_CASE("the fused attention is the reference's, with all gradients", "[model][ops]") {
  at::manual_seed(5);
  const AttentionShape shape = GENERATE(
      AttentionShape{{2, 2}, 256, 4, 10, 0, true, false}, AttentionShape{{4}, 256, 4, 10, 160, true, false},
      AttentionShape{{1}, 1, 1, 2, 3, true, true}, AttentionShape{{3, 5}, 19, 2, 6, 7, true, true},
      AttentionShape{{1, 1}, 33, 3, 5, 0, false, false}, AttentionShape{{64}, 3, 2, 64, 128, true, false},
      AttentionShape{{65}, 3, 1, 4, 4, true, false},
      AttentionShape{{4}, 256, 4, 15, 0, false, false, false, Edges::all},
      AttentionShape{{5}, 21, 3, 2, 0, false, false, false, Edges::shared},
      AttentionShape{{20}, 35, 2, 10, 0, false, false, false, Edges::per_sample},
      AttentionShape{{2, 3}, 9, 2, 4, 5, true, true, true, Edges::per_sample},
      AttentionShape{{2, 1}, 9, 2, 4, 0, true, false, false, Edges::shared},
      AttentionShape{{65}, 3, 1, 4, 0, false, false, false, Edges::per_sample},
      AttentionShape{{1}, 2, 1, 1, 0, false, false, false, Edges::shared});
  CAPTURE(shape.tokens, shape.B, shape.H, shape.D, shape.m, shape.normed, shape.edges);
  const auto [fused, plain] = attentions(shape);
  compare(fused, plain, attention_inputs(shape));
}

TEST_CASE("a token attends along its edges alone, and to all alike where it has none", "[model][ops]") {
  at::manual_seed(11);
  const bool fused = GENERATE(true, false);
  const ops::UseFused chosen(fused);
  const at::Tensor packed = at::randn({3, 5, 12}), values = packed.narrow(2, 8, 4);
  const at::Tensor edges = at::tensor({0.F, 1.F, 0.F, 0.F, 0.F, 0.F, 1.F, 1.F, 1.F}).view({3, 1, 3});
  at::Tensor traced = packed.clone().requires_grad_();
  const at::Tensor out = ops::attention({{traced, {}, {}}}, {}, 2, edges).front();
  CHECK(at::allclose(out[0], values[1]));
  CHECK(at::allclose(out[1], values.mean(0), 1e-5, 1e-6));
  // Uniform whatever the scores are: nothing flows back to q and k.
  const at::Tensor gradient = torch::autograd::grad({out.narrow(0, 0, 2).square().sum()}, {traced})[0];
  CHECK(gradient.narrow(2, 0, 8).abs().max().item<double>() == 0);
}

TEST_CASE("attention to a token of large score is finite and picks that token", "[model][ops]") {
  at::manual_seed(6);
  const Tensors inputs{at::randn({4, 9, 12}), at::full({2}, 300.0), at::full({2}, 300.0)};
  const auto fused = attention_by(ops::attention, {}, 2)(inputs)[0];
  const auto plain = attention_by(ops::reference::attention, {}, 2)(doubles(inputs))[0];
  CHECK(fused.isfinite().all().item<bool>());
  // Scores near 10^5 are rounded to about 0.01, so that close rivals share differently.
  CHECK((fused.to(at::kDouble) - plain).abs().mean().item<double>() < 1e-2);
}

TEST_CASE("fused operations give the same bits again with the same threads", "[model][ops]") {
  at::manual_seed(7);
  const AttentionShape shape{{2, 2}, 256, 4, 10, 0, true, false};
  Tensors inputs = attention_inputs(shape);
  for (at::Tensor& x : inputs) x.requires_grad_();
  const Operation operation = attention_by(ops::attention, random_rope(shape), shape.H);
  const Tensors cotangents = cotangents_of(operation, inputs);
  const Outcome first = evaluate(operation, inputs, cotangents),
                second = evaluate(operation, inputs, cotangents);
  for (size_t i = 0; i < first.gradients.size(); ++i)
    CHECK(at::equal(first.gradients[i], second.gradients[i]));
}

TEST_CASE("gradients of fused operations can be differentiated again", "[model][ops]") {
  at::manual_seed(8);
  const auto second_gradient = [](const Operation& operation, const Tensors& inputs,
                                  const Tensors& cotangents) {
    const auto first = torch::autograd::grad(operation(inputs), inputs, cotangents, true, true);
    at::Tensor norm = at::zeros({}, inputs[0].options().requires_grad(false));
    for (const at::Tensor& g : first) norm = norm + g.square().sum();
    Tensors second = torch::autograd::grad({norm}, inputs, {}, {}, false, /*allow_unused=*/true);
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!second[i].defined()) second[i] = at::zeros_like(inputs[i].detach());
    }
    return second;
  };
  const auto check = [&](const Operation& fused, const Operation& reference, const Tensors& inputs) {
    for (at::Tensor x : inputs) x.requires_grad_();
    const Tensors cotangents = cotangents_of(reference, inputs);
    CHECK(worst_difference(second_gradient(fused, inputs, cotangents),
                           second_gradient(reference, doubles(inputs), doubles(cotangents))) <
          10 * tolerance);
  };
  check(fused_norm, plain_norm, {at::randn({3, 4, 6}), at::randn({4, 6}), at::randn({4, 6})});
  check(fused_gate, plain_gate, {at::randn({3, 4, 6}), at::randn({4, 6}), at::randn({3, 4, 6})});
  check(fused_gelu, plain_gelu, {at::randn({3, 4, 6})});
  for (const AttentionShape& shape :
       {AttentionShape{{2, 1}, 3, 2, 4, 3, true, false},
        AttentionShape{{3}, 4, 2, 3, 0, false, false, false, Edges::per_sample}}) {
    const auto [fused, plain] = attentions(shape);
    check(fused, plain, attention_inputs(shape));
  }
}

TEST_CASE("one shift, scale and gate for all samples are those repeated", "[model][ops]") {
  at::manual_seed(10);
  const at::Tensor x = at::randn({2, 5, 8}), y = at::randn({2, 5, 8}), one = at::randn({1, 8});
  const at::Tensor each = one.expand({5, 8}).contiguous();
  CHECK(at::equal(ops::modulated_norm(x, one, one), ops::modulated_norm(x, each, each)));
  CHECK(at::equal(ops::gated_residual(x, one, y), ops::gated_residual(x, each, y)));
  const at::Tensor traced = one.clone().requires_grad_();
  const at::Tensor gradient = torch::autograd::grad({ops::gated_residual(x, traced, y).sum()}, {traced})[0];
  CHECK(at::allclose(gradient, y.sum(at::IntArrayRef{0, 1}).unsqueeze(0)));
}

TEST_CASE("what the fused kernels do not cover takes the reference", "[model][ops]") {
  at::manual_seed(9);
  const at::Tensor x = at::randn({2, 3, 8}), y = at::randn({2, 3, 8}), gate = at::randn({3, 8});
  CHECK(at::equal(
      ops::gated_residual(x.to(at::kBFloat16), gate.to(at::kBFloat16), y.to(at::kBFloat16)),
      ops::reference::gated_residual(x.to(at::kBFloat16), gate.to(at::kBFloat16), y.to(at::kBFloat16))));
  CHECK(at::equal(ops::gelu(x.transpose(1, 2)), ops::reference::gelu(x.transpose(1, 2))));
  const ops::UseFused plain(false);
  CHECK(at::equal(ops::modulated_norm(x, gate, gate), ops::reference::modulated_norm(x, gate, gate)));
}
