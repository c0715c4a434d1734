#include <cmath>

#include <catch2/catch_approx.hpp>

#include "model/blocks/norm.hpp"
#include "model/blocks/rope.hpp"
#include "model/blocks/single_stream.hpp"
#include "model/blocks/time_embedding.hpp"
#include "model/ops/attention.hpp"
#include "model/ops/elementwise.hpp"
#include "model/small_flux1.hpp"
#include "support/catch.hpp"

using namespace fluxsbi::model;
using Catch::Approx;

namespace {

at::Tensor line_of_ids(int64_t tokens, int64_t first = 0) {
  return at::arange(first, first + tokens, at::kLong).reshape({tokens, 1, 1});
}

}  // namespace

TEST_CASE("the time embedding is cosines, then sines, of 1000 t f_k", "[model][time]") {
  const TimeEmbedding embed(256);
  const at::Tensor values = embed(at::tensor({0.0F, 0.002F}));
  REQUIRE(values.sizes() == at::IntArrayRef{2, 256});
  CHECK(values[0][5].item<float>() == 1.0F);
  CHECK(values[0][128 + 5].item<float>() == 0.0F);
  // 1000 t = 2; f_0 = 1; f_64 = 10000^(-1/2) = 0.01
  CHECK(values[1][0].item<float>() == Approx(std::cos(2.0)).margin(1e-6));
  CHECK(values[1][128].item<float>() == Approx(std::sin(2.0)).margin(1e-6));
  CHECK(values[1][64].item<float>() == Approx(std::cos(0.02)).margin(1e-6));
  CHECK(values[1][128 + 64].item<float>() == Approx(std::sin(0.02)).margin(1e-6));
}

TEST_CASE("fixed positions are sines, then cosines, of the token's index", "[model][ids]") {
  const at::Tensor table = position_table(3, 4);  // omega = 1, 0.01
  CHECK(table[2][0].item<float>() == Approx(std::sin(2.0)));
  CHECK(table[2][1].item<float>() == Approx(std::sin(0.02)));
  CHECK(table[2][2].item<float>() == Approx(std::cos(2.0)));
  CHECK(table[2][3].item<float>() == Approx(std::cos(0.02)));
}

TEST_CASE("a grid's positions are its row's, then its column's", "[model][ids]") {
  const at::Tensor table = grid_position_table(2, 3, 8);
  REQUIRE(table.sizes() == at::IntArrayRef{6, 8});
  const at::Tensor token = table[5];  // row 1, column 2
  CHECK(at::equal(token.narrow(0, 0, 4), position_table(2, 4)[1]));
  CHECK(at::equal(token.narrow(0, 4, 4), position_table(3, 4)[2]));
}

TEST_CASE("RoPE keeps the norm of every pair", "[model][rope]") {
  const at::Tensor x = random_tensor({5, 3, 2, 4, 6}, 1);
  const at::Tensor turned = rotate(x, rope_table(line_of_ids(5), {6}, 50, 4));
  const auto norms = [](const at::Tensor& v) { return v.unflatten(-1, {3, 2}).norm(2, -1); };
  CHECK(largest_difference(norms(turned), norms(x)) < rounding);
  CHECK(largest_difference(turned[0], x[0]) == 0);  // id 0
  CHECK(largest_difference(turned[4], x[4]) > 0.1);
}

TEST_CASE("the product of a rotated q and k depends on the difference of their ids", "[model][rope]") {
  const at::Tensor vectors = random_tensor({1, 1, 2, 1, 6}, 2);
  const auto product = [&](int64_t q_id, int64_t k_id) {
    const at::Tensor q = rotate(vectors, rope_table(line_of_ids(1, q_id), {6}, 50, 1)).select(2, 0);
    const at::Tensor k = rotate(vectors, rope_table(line_of_ids(1, k_id), {6}, 50, 1)).select(2, 1);
    return (q * k).sum().item<double>();
  };
  CHECK(product(7, 3) == Approx(product(5, 1)).margin(rounding));
  CHECK(product(7, 3) != Approx(product(3, 7)).margin(1e-3));
}

TEST_CASE("RoPE turns pair j of an axis by id * theta^(-2j / width)", "[model][rope]") {
  const at::Tensor ids = at::tensor({3, 2}, at::kLong).reshape({1, 1, 2});
  const at::Tensor angles = at::angle(rope_table(ids, {4, 2}, 100, 1)).flatten(0, 3)[0];
  CHECK(angles[0].item<float>() == Approx(3.0));  // axis 0, j = 0
  CHECK(angles[1].item<float>() == Approx(0.3));  // axis 0, j = 1: 100^(-1/2)
  CHECK(angles[2].item<float>() == Approx(2.0));  // axis 1, j = 0
}

TEST_CASE("attention is softmax(q k^T / sqrt(D)) v for every head by itself", "[model][attention]") {
  const int64_t T = 4, B = 3, H = 2, D = 6;
  const at::Tensor qkv = random_tensor({T, B, 3 * H * D}, 3);
  const at::Tensor scales = at::abs(random_tensor({2, D}, 4)) + 0.5;
  const at::Tensor out = ops::attention({{qkv, scales[0], scales[1]}}, {}, H)[0];
  REQUIRE(out.sizes() == at::IntArrayRef{T, B, H * D});

  const at::Tensor parts = qkv.unflatten(-1, {3, H, D}).to(at::kDouble);
  const auto normed = [&](int64_t which, int64_t head) {
    const at::Tensor x = parts.select(2, which).select(2, head);  // [T, B, D]
    return x / at::sqrt(at::square(x).mean(-1, true) + ops::norm_eps) * scales[which];
  };
  for (int64_t row = 0; row < B; ++row) {
    for (int64_t head = 0; head < H; ++head) {
      const at::Tensor q = normed(0, head).select(1, row), k = normed(1, head).select(1, row);  // [T, D]
      const at::Tensor weights = at::softmax(at::matmul(q, k.t()) / std::sqrt(double(D)), -1);
      const at::Tensor expected = at::matmul(weights, parts.select(2, 2).select(2, head).select(1, row));
      CHECK(largest_difference(out.select(1, row).narrow(1, head * D, D), expected) < rounding);
    }
  }
}

TEST_CASE("a modulated norm with shift 0 and scale 0 has mean 0 and variance 1", "[model][norm]") {
  const at::Tensor x = 3 + 5 * random_tensor({4, 2, 32}, 5);
  const at::Tensor y = ops::modulated_norm(x, at::zeros({2, 32}), at::zeros({2, 32}), at::kFloat);
  CHECK(y.mean(-1).abs().max().item<double>() < rounding);
  CHECK((y.var(-1, false) - 1).abs().max().item<double>() < rounding);
  const at::Tensor z = ops::modulated_norm(x, at::ones({2, 32}), at::ones({2, 32}), at::kFloat);
  CHECK(largest_difference(z, 2 * y + 1) < rounding);
}

TEST_CASE("blocks start as the identity, because modulations start at zero", "[model][blocks]") {
  const BlockShape shape{2, 6, 24, true};
  Initialiser initialiser(3);
  const DoubleStreamBlock double_block(shape);
  const SingleStreamBlock single_block(shape);
  double_block.initialise(initialiser);
  single_block.initialise(initialiser);
  const at::Tensor obs = random_tensor({2, 4, 12}, 6), cond = random_tensor({3, 4, 12}, 7),
                   signal = random_tensor({4, 12}, 8);
  const auto [new_obs, new_cond] = double_block.forward(obs, cond, signal, {});
  CHECK(at::equal(new_obs, obs));
  CHECK(at::equal(new_cond, cond));
  CHECK(at::equal(single_block.forward(obs, signal, {}), obs));
}
