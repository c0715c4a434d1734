#include "model/blocks/norm.hpp"

#include <ATen/ops/addcmul.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/native_layer_norm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/square.h>
#include <ATen/ops/stack.h>

namespace fluxsbi::model {

Modulation::Modulation(int64_t hidden, int64_t triples) : triples_(triples) {
  lin_ = register_module("lin",
                         std::make_shared<Linear>(hidden, 3 * triples * hidden, true, Linear::Start::zero));
}

std::vector<Triple> Modulation::forward(const torch::Tensor& signal) const {
  const auto parts = lin_->forward(signal).chunk(3 * triples_, -1);
  std::vector<Triple> result;
  for (size_t i = 0; i < parts.size(); i += 3) {
    result.push_back({parts[i].to(at::kFloat), parts[i + 1].to(at::kFloat), parts[i + 2]});
  }
  return result;
}

torch::Tensor modulated_norm(const torch::Tensor& x, const torch::Tensor& shift, const torch::Tensor& scale) {
  const torch::Tensor normed =
      std::get<0>(at::native_layer_norm(x.to(at::kFloat), {x.size(-1)}, {}, {}, norm_eps));
  return at::addcmul(shift, normed, scale + 1);
}

QkNorm::RmsNorm::RmsNorm(int64_t width) {
  scale = register_parameter("scale", at::ones({width}));
}

QkNorm::QkNorm(int64_t head_dim) {
  query_norm_ = register_module("query_norm", std::make_shared<RmsNorm>(head_dim));
  key_norm_ = register_module("key_norm", std::make_shared<RmsNorm>(head_dim));
}

torch::Tensor QkNorm::scales(int64_t heads) const {
  const torch::Tensor both = at::stack({query_norm_->scale, key_norm_->scale}).to(at::kFloat);
  return both.unsqueeze(1).expand({2, heads, both.size(1)});
}

void QkNorm::initialise(Initialiser& initialiser) const {
  initialiser.constant(query_norm_->scale, 1);
  initialiser.constant(key_norm_->scale, 1);
}

torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& scale) {
  const torch::Tensor mean_square = at::mean(at::square(x), at::IntArrayRef{-1}, /*keepdim=*/true);
  return x * at::rsqrt(mean_square + norm_eps) * scale;
}

}  // namespace fluxsbi::model
