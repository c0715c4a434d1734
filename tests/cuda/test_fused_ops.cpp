// The kernels behind model/ops against the plain tensor operations, forward and backward.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <catch2/generators/catch_generators.hpp>
#include <torch/csrc/autograd/autograd.h>

#include "cuda/emulated_kernels.hpp"
#include "model/blocks/rope.hpp"
#include "model/ops/attention.hpp"
#include "model/ops/elementwise.hpp"
#include "support/catch.hpp"

namespace {

using namespace fluxsbi;
using namespace fluxsbi::model;
using test::emulated_kernels;
using test::take_kernel_counts;
using Tensors = std::vector<at::Tensor>;

// Float32 arithmetic in another order, relative to the largest element.
constexpr double float32_tolerance = 2e-5;
// bfloat16 holds 8 bits; the plain operations round between their steps, the kernels at the end alone.
constexpr double bfloat16_tolerance = 0.04;

double tolerance_of(at::ScalarType type) {
  return type == at::kFloat ? float32_tolerance : bfloat16_tolerance;
}

double worst(const at::Tensor& found, const at::Tensor& expected) {
  REQUIRE(found.sizes() == expected.sizes());
  REQUIRE(found.scalar_type() == expected.scalar_type());
  const at::Tensor a = found.detach().to(at::kDouble), b = expected.detach().to(at::kDouble);
  return (a - b).abs().max().item<double>() / std::max(1.0, b.abs().max().item<double>());
}

// Outputs, and the gradients of the leaves for random cotangents, the same for both.
Tensors outputs_and_gradients(const std::function<Tensors(const Tensors&)>& f, const Tensors& leaves,
                              const ops::DeviceOps* by) {
  Tensors own;
  for (const at::Tensor& leaf : leaves) own.push_back(leaf.detach().clone().requires_grad_());
  Tensors outputs;
  {
    const ops::UseDeviceOps use(by);
    outputs = f(own);
  }
  at::manual_seed(77);
  Tensors cotangents;
  for (const at::Tensor& output : outputs) cotangents.push_back(at::randn(output.sizes()).to(output.dtype()));
  Tensors result = outputs;
  for (const at::Tensor& gradient : torch::autograd::grad(outputs, own, cotangents))
    result.push_back(gradient);
  return result;
}

void compare(const std::function<Tensors(const Tensors&)>& f, const Tensors& leaves, int kernels) {
  const Tensors expected = outputs_and_gradients(f, leaves, nullptr);
  take_kernel_counts();
  const Tensors found = outputs_and_gradients(f, leaves, &emulated_kernels().ops());
  const auto counts = take_kernel_counts();
  CHECK(counts.faults == std::vector<std::string>{});
  CHECK(counts.all() == kernels);
  REQUIRE(found.size() == expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    CHECK(worst(found[i], expected[i]) < tolerance_of(leaves.front().scalar_type()));
  }
}

at::ScalarType any_type() {
  return GENERATE(at::kFloat, at::kBFloat16);
}

}  // namespace

TEST_CASE("the fused norm is the plain one, with its gradients", "[cuda_kernels][ops]") {
  at::manual_seed(1);
  const at::ScalarType type = any_type(), out = GENERATE(at::kFloat, at::kBFloat16);
  if (type == at::kFloat && out == at::kBFloat16) return;
  const int64_t samples = GENERATE(1, 7);
  CAPTURE(type, out, samples);
  // Shift and scale are parts of a wider row, x one of a wider tensor.
  const at::Tensor x = at::randn({3, 7, 45}).to(type), modulation = at::randn({samples, 120}).to(out);
  compare(
      [&](const Tensors& in) {
        return Tensors{ops::modulated_norm(in[0].narrow(-1, 3, 40), in[1].narrow(1, 40, 40),
                                           in[1].narrow(1, 80, 40), out)};
      },
      {x, modulation}, 2);
}

TEST_CASE("the fused norm takes one row for all samples as a view of many", "[cuda_kernels][ops]") {
  at::manual_seed(2);
  compare(
      [](const Tensors& in) {
        return Tensors{
            ops::modulated_norm(in[0], in[1].expand({7, -1}), (in[2] - 1).expand({7, -1}), at::kFloat)};
      },
      {at::randn({3, 7, 5}), at::randn({5}), at::randn({5})}, 2);
}

TEST_CASE("the fused residual is the plain one, with its gradients", "[cuda_kernels][ops]") {
  at::manual_seed(3);
  const at::ScalarType type = any_type();
  const int64_t samples = GENERATE(1, 7);
  compare(
      [](const Tensors& in) {
        return Tensors{ops::gated_residual(in[0].narrow(-1, 2, 9), in[1].narrow(1, 9, 9), in[2])};
      },
      {at::randn({3, 7, 12}).to(type), at::randn({samples, 27}).to(type), at::randn({3, 7, 9}).to(type)}, 2);
}

TEST_CASE("the fused gelu is the plain one, with its gradient", "[cuda_kernels][ops]") {
  at::manual_seed(4);
  const at::ScalarType type = any_type();
  compare([](const Tensors& in) { return Tensors{ops::gelu(in[0].transpose(0, 1))}; },
          {(at::randn({37, 11}) * 3).to(type)}, 2);
}

TEST_CASE("the fused attention is the plain one, with its gradients", "[cuda_kernels][ops]") {
  at::manual_seed(5);
  struct Case {
    std::vector<int64_t> tokens;
    int64_t B, H, D, m;
    bool normed, rope, rope_per_sample;
    int64_t edge_samples;  // 0: no edges
  };
  const Case c =
      GENERATE(Case{{2, 3}, 6, 4, 10, 0, true, true, false, 0}, Case{{4}, 6, 4, 10, 16, true, true, false, 0},
               Case{{3, 1}, 4, 2, 6, 7, true, true, true, 0}, Case{{5}, 4, 3, 5, 0, false, false, false, 0},
               Case{{6}, 4, 2, 5, 0, false, false, false, 1}, Case{{6}, 4, 2, 4, 0, false, false, false, 4},
               Case{{33}, 2, 3, 16, 5, true, true, false, 0});
  const at::ScalarType type = any_type();
  CAPTURE(c.tokens, c.B, c.H, c.D, c.m, c.normed, c.rope, type);
  int64_t T = 0;
  Tensors leaves;
  for (const int64_t tokens : c.tokens) {
    T += tokens;
    leaves.push_back(at::randn({tokens, c.B, 3 * c.H * c.D + c.m + 2}).to(type));
    if (!c.normed) continue;
    leaves.push_back((at::rand({c.D}) + 0.5).to(type));
    leaves.push_back((at::rand({c.D}) + 0.5).to(type));
  }
  at::Tensor rope, edges;
  if (c.rope) {
    rope = rope_table(at::randint(0, 9, {T, c.rope_per_sample ? c.B : 1, 1}), {c.D}, 100.0, c.H);
  }
  if (c.edge_samples > 0) {
    edges = (at::rand({T, c.edge_samples, T}) > 0.4).to(at::kFloat);
    edges[T / 2][0].zero_();  // attends to none
  }
  compare(
      [&](const Tensors& in) {
        std::vector<ops::Stream> streams;
        for (size_t i = 0; i < in.size(); i += c.normed ? 3 : 1) {
          const at::Tensor packed = in[i].narrow(-1, 1, in[i].size(-1) - 2);
          streams.push_back(c.normed ? ops::Stream{packed, in[i + 1], in[i + 2]}
                                     : ops::Stream{packed, {}, {}});
        }
        return ops::attention(streams, rope, c.H, edges);
      },
      leaves, 2);
}

TEST_CASE("what no kernel covers is computed plainly", "[cuda_kernels][ops]") {
  at::manual_seed(6);
  const ops::UseDeviceOps use(&emulated_kernels().ops());
  take_kernel_counts();
  const at::Tensor wide = at::randn({3, 7, 5}, at::kDouble), row = at::randn({7, 5}, at::kDouble);
  CHECK(ops::modulated_norm(wide, row, row, at::kDouble).scalar_type() == at::kDouble);
  CHECK(ops::gelu(wide).scalar_type() == at::kDouble);
  CHECK(ops::gated_residual(wide, row, wide).scalar_type() == at::kDouble);
  // The scores of 200 tokens do not fit a block's shared memory.
  CHECK(ops::attention({{at::randn({200, 2, 24}), {}, {}}}, {}, 2).front().size(0) == 200);
  const at::Tensor x = at::randn({3, 7, 5}), narrow = at::randn({7, 5}).to(at::kBFloat16);
  CHECK(ops::modulated_norm(x, narrow, narrow, at::kFloat).scalar_type() == at::kFloat);
  const auto counts = take_kernel_counts();
  CHECK(counts.all() == 1);  // the last: bfloat16 modulation is read as float32
}

TEST_CASE("kernels are used in the scope that asks for them alone", "[cuda_kernels][ops]") {
  at::manual_seed(7);
  const at::Tensor x = at::randn({5}).requires_grad_();
  take_kernel_counts();
  at::Tensor inside;
  {
    const ops::UseDeviceOps use(&emulated_kernels().ops());
    {
      const ops::UseDeviceOps plainly(nullptr);
      ops::gelu(x);
    }
    CHECK(take_kernel_counts().all() == 0);
    inside = ops::gelu(x);
  }
  ops::gelu(x).sum().backward();
  CHECK(take_kernel_counts().all() == 1);
  inside.sum().backward();  // by what its forward pass ran by
  CHECK(take_kernel_counts().launches["gelu_gradient float32"] == 1);
}
