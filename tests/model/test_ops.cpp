// The operations between matrix products against their formulas written out in float64.
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <catch2/generators/catch_generators.hpp>
#include <torch/csrc/autograd/autograd.h>

#include "model/blocks/rope.hpp"
#include "model/ops/attention.hpp"
#include "model/ops/elementwise.hpp"
#include "support/catch.hpp"

using namespace fluxsbi::model;

namespace {

using Tensors = std::vector<at::Tensor>;

// Float32 arithmetic of some tens of operations on numbers of size 1, and sums over up to 65 tokens: relative
// to the largest element.
constexpr double tolerance = 2e-5;

double worst_difference(const at::Tensor& found, const at::Tensor& expected) {
  REQUIRE(found.sizes() == expected.sizes());
  const double scale = std::max(1.0, expected.abs().max().item<double>());
  return (found.to(at::kDouble) - expected).abs().max().item<double>() / scale;
}

// A [T, B, F] tensor that is a part of wider rows, as a view of a Linear's output is.
at::Tensor strided(int64_t T, int64_t B, int64_t F) {
  return at::randn({T, B, F + 5}).narrow(-1, 3, F);
}

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

std::vector<ops::Stream> random_streams(const AttentionShape& shape) {
  std::vector<ops::Stream> streams;
  for (const int64_t tokens : shape.tokens) {
    ops::Stream stream{strided(tokens, shape.B, 3 * shape.H * shape.D + shape.m), {}, {}};
    if (shape.normed)
      stream.query_scale = at::rand({shape.D}) + 0.5, stream.key_scale = at::rand({shape.D}) + 0.5;
    streams.push_back(stream);
  }
  return streams;
}

at::Tensor gelu_formula(const at::Tensor& x) {
  return 0.5 * x * (1 + at::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

// q or k of a stream [T_s, B, H, D], normed.
at::Tensor normed_part(const ops::Stream& stream, int64_t part, int64_t heads, int64_t D) {
  const at::Tensor x =
      stream.packed.to(at::kDouble).narrow(2, part * heads * D, heads * D).unflatten(2, {heads, D});
  const at::Tensor& scale = part == 0 ? stream.query_scale : stream.key_scale;
  if (part == 2 || !scale.defined()) return x;
  return x / at::sqrt(x.square().mean(-1, true) + 1e-6) * scale.to(at::kDouble);
}

// The pairs (2j, 2j + 1) of x [T, B, H, D] turned by the table's angles.
at::Tensor turned(const at::Tensor& x, const at::Tensor& rope) {
  if (!rope.defined()) return x;
  const at::Tensor angle = at::view_as_real(rope.select(2, 0)).to(at::kDouble);  // [T, B or 1, H, D/2, 2]
  const at::Tensor cosine = angle.select(-1, 0), sine = angle.select(-1, 1);
  const at::Tensor a = x.slice(-1, 0, x.size(-1), 2), b = x.slice(-1, 1, x.size(-1), 2);
  return at::stack({a * cosine - b * sine, a * sine + b * cosine}, -1).flatten(-2);
}

// softmax(q k^T / sqrt(D)) v over the tokens of all streams, and gelu of what stands beside them.
Tensors attention_formula(const std::vector<ops::Stream>& streams, const at::Tensor& rope, int64_t heads,
                          int64_t D, const at::Tensor& edges) {
  Tensors q, k, v;
  for (const ops::Stream& stream : streams) {
    q.push_back(normed_part(stream, 0, heads, D));
    k.push_back(normed_part(stream, 1, heads, D));
    v.push_back(normed_part(stream, 2, heads, D));
  }
  at::Tensor scores = at::einsum("ibhd,jbhd->bhij", {turned(at::cat(q), rope), turned(at::cat(k), rope)}) /
                      std::sqrt(static_cast<double>(D));
  if (edges.defined()) {
    const at::Tensor open = edges.transpose(0, 1).unsqueeze(1);  // [B or 1, 1, T, T]
    const at::Tensor none = open.sum(-1, true) == 0;             // attends to all alike
    scores = scores.masked_fill((open == 0).logical_and(none.logical_not()), -1e300).masked_fill(none, 0);
  }
  const at::Tensor attended =
      at::einsum("bhij,jbhd->ibhd", {at::softmax(scores, -1), at::cat(v)}).flatten(2);  // [T, B, F]
  Tensors out;
  int64_t first = 0;
  for (const ops::Stream& stream : streams) {
    const int64_t tokens = stream.packed.size(0), F = heads * D;
    const at::Tensor mlp = stream.packed.to(at::kDouble).narrow(2, 3 * F, stream.packed.size(2) - 3 * F);
    out.push_back(at::cat({attended.narrow(0, first, tokens), gelu_formula(mlp)}, -1));
    first += tokens;
  }
  return out;
}

}  // namespace

TEST_CASE("the modulated norm is its formula", "[model][ops]") {
  at::manual_seed(1);
  const auto [T, B, F] = GENERATE(std::tuple{4, 256, 40}, std::tuple{1, 1, 1}, std::tuple{3, 7, 5});
  CAPTURE(T, B, F);
  const at::Tensor x = strided(T, B, F), shift = at::randn({B, 3 * F}).narrow(1, F, F),
                   scale = at::randn({B, F});
  const at::Tensor wide = x.to(at::kDouble), centred = wide - wide.mean(-1, true);
  const at::Tensor expected =
      (1 + scale) * centred / at::sqrt(centred.square().mean(-1, true) + 1e-6) + shift;
  CHECK(worst_difference(ops::modulated_norm(x, shift, scale, at::kFloat), expected) < tolerance);
}

TEST_CASE("the modulated norm holds its accuracy far from zero", "[model][ops]") {
  at::manual_seed(2);
  // The mean is rounded to 1000 * 2^-24; what is left of it is seen beside a deviation of 1.
  const at::Tensor x = at::randn({3, 5, 40}) + 1000, zero = at::zeros({5, 40});
  const at::Tensor wide = x.to(at::kDouble), centred = wide - wide.mean(-1, true);
  CHECK(worst_difference(ops::modulated_norm(x, zero, zero, at::kFloat),
                         centred / at::sqrt(centred.square().mean(-1, true) + 1e-6)) < 1e-4);
}

TEST_CASE("the gated residual is its formula", "[model][ops]") {
  at::manual_seed(3);
  const at::Tensor x = strided(3, 7, 5), y = strided(3, 7, 5), gate = at::randn({7, 15}).narrow(1, 5, 5);
  const at::Tensor expected = x.to(at::kDouble) + gate.to(at::kDouble) * y.to(at::kDouble);
  CHECK(worst_difference(ops::gated_residual(x, gate, y), expected) < tolerance);
}

TEST_CASE("gelu is its formula, with its gradient", "[model][ops]") {
  at::manual_seed(4);
  at::Tensor x = (strided(4, 16, 160) * 4).requires_grad_();
  at::Tensor wide = x.detach().to(at::kDouble).requires_grad_();
  const at::Tensor y = ops::gelu(x), expected = gelu_formula(wide);
  CHECK(worst_difference(y.detach(), expected.detach()) < tolerance);
  CHECK(worst_difference(torch::autograd::grad({y.sum()}, {x})[0],
                         torch::autograd::grad({expected.sum()}, {wide})[0]) < tolerance);
}

TEST_CASE("gelu is right for very large, infinite and undefined numbers", "[model][ops]") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  // Sixteen at a time and one by one: the library computes whole vectors and what remains apart.
  const int64_t copies = GENERATE(1, 16);
  const at::Tensor x = at::tensor({-1e15F, -1e4F, -20.0F, 20.0F, 1e4F, 1e15F, infinity, std::nanf("")})
                           .view({1, 1, 8})
                           .repeat({1, copies, 1})
                           .requires_grad_();
  const at::Tensor y = ops::gelu(x);
  const at::Tensor expected = at::tensor({0.0F, 0.0F, 0.0F, 20.0F, 1e4F, 1e15F, infinity});
  CHECK(
      at::allclose(y.detach().narrow(2, 0, 7), expected.expand({1, copies, 7}), /*rtol=*/0, /*atol=*/1e-19));
  CHECK(y.select(2, 7).isnan().all().item<bool>());
  const at::Tensor slope = torch::autograd::grad({y.sum()}, {x})[0];
  const at::Tensor slopes = at::tensor({0.0F, 0.0F, 0.0F, 1.0F, 1.0F, 1.0F});
  CHECK(at::allclose(slope.narrow(2, 0, 6), slopes.expand({1, copies, 6}), /*rtol=*/0, /*atol=*/1e-30));
}

TEST_CASE("attention is its formula", "[model][ops]") {
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
  const at::Tensor rope = random_rope(shape), edges = random_edges(shape);
  const auto streams = random_streams(shape);
  const Tensors found = ops::attention(streams, rope, shape.H, edges),
                expected = attention_formula(streams, rope, shape.H, shape.D, edges);
  REQUIRE(found.size() == expected.size());
  for (size_t i = 0; i < found.size(); ++i) CHECK(worst_difference(found[i], expected[i]) < tolerance);
}

TEST_CASE("a token attends along its edges alone, and to all alike where it has none", "[model][ops]") {
  at::manual_seed(11);
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
  const std::vector<ops::Stream> streams{
      {at::randn({4, 9, 12}), at::full({2}, 300.0F), at::full({2}, 300.0F)}};
  const at::Tensor found = ops::attention(streams, {}, 2)[0];
  CHECK(found.isfinite().all().item<bool>());
  // Scores near 10^5 are rounded to about 0.01, so that close rivals share differently.
  CHECK((found.to(at::kDouble) - attention_formula(streams, {}, 2, 2, {})[0]).abs().mean().item<double>() <
        1e-2);
}

TEST_CASE("one shift, scale and gate for all samples are those repeated", "[model][ops]") {
  at::manual_seed(10);
  const at::Tensor x = at::randn({2, 5, 8}), y = at::randn({2, 5, 8}), one = at::randn({1, 8});
  const at::Tensor each = one.expand({5, 8}).contiguous();
  CHECK(at::equal(ops::modulated_norm(x, one, one, at::kFloat),
                  ops::modulated_norm(x, each, each, at::kFloat)));
  CHECK(at::equal(ops::gated_residual(x, one, y), ops::gated_residual(x, each, y)));
  const at::Tensor traced = one.clone().requires_grad_();
  const at::Tensor gradient = torch::autograd::grad({ops::gated_residual(x, traced, y).sum()}, {traced})[0];
  CHECK(at::allclose(gradient, y.sum(at::IntArrayRef{0, 1}).unsqueeze(0)));
}
