#include "model/simformer/blocks.hpp"

#include <numbers>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/lerp.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/zeros.h>

#include "model/ops/attention.hpp"
#include "model/ops/elementwise.hpp"

namespace fluxsbi::model {

SkipEmbedder::SkipEmbedder(int64_t channels, int64_t width) : MlpEmbedder(channels, width) {
  p_skip_ = register_parameter("p_skip", at::zeros({1, 1, width}));
}

torch::Tensor SkipEmbedder::forward(const torch::Tensor& x) const {
  const int64_t times = p_skip_.size(2) / x.size(2);
  const torch::Tensor repeated = x.unsqueeze(-1).expand({-1, -1, -1, times}).flatten(-2);
  return at::lerp(MlpEmbedder::forward(x), repeated, p_skip_);
}

void SkipEmbedder::initialise(Initialiser& initialiser) const {
  MlpEmbedder::initialise(initialiser);
  initialiser.constant(p_skip_, 0.01);
}

FourierTime::FourierTime(int64_t features) : features_(features) {
  frequencies_ = register_parameter("B", at::zeros({features / 2 + 1, 1}));
}

torch::Tensor FourierTime::forward(const torch::Tensor& t) const {
  const torch::Tensor angle = at::outer(t * (2 * std::numbers::pi), frequencies_.select(1, 0));
  return at::cat({at::cos(angle), at::sin(angle)}, -1).narrow(-1, 0, features_);
}

void FourierTime::initialise(Initialiser& initialiser) const {
  initialiser.normal(frequencies_, 1);
}

LayerNorm::LayerNorm(int64_t hidden) {
  scale_ = register_parameter("scale", at::ones({hidden}));
  bias_ = register_parameter("bias", at::zeros({hidden}));
}

torch::Tensor LayerNorm::forward(const torch::Tensor& x) const {
  // One row for all samples, as views of B: autograd adds their gradients up.
  const int64_t B = x.size(1);
  return ops::modulated_norm(x, bias_.expand({B, -1}), (scale_ - 1).expand({B, -1}), bias_.scalar_type());
}

void LayerNorm::initialise(Initialiser& initialiser) const {
  initialiser.constant(scale_, 1);
  initialiser.constant(bias_, 0);
}

AttentionBlock::Attention::Attention(const SimformerBlockShape& shape) {
  const auto projection = [&](const char* name) {
    return register_module(name, std::make_shared<Linear>(shape.hidden, shape.qkv_features));
  };
  query = projection("query");
  key = projection("key");
  value = projection("value");
  out = register_module("out", std::make_shared<Linear>(shape.qkv_features, shape.hidden));
}

AttentionBlock::AttentionBlock(const SimformerBlockShape& shape)
    : heads_(shape.heads),
      norm_(register_module("layer_norm", std::make_shared<LayerNorm>(shape.hidden))),
      attention_(register_module("attn", std::make_shared<Attention>(shape))) {}

torch::Tensor AttentionBlock::forward(const torch::Tensor& x, const torch::Tensor& edges) const {
  const torch::Tensor y = norm_->forward(x);
  // One product instead of three; joining the weights costs little beside it.
  const Linear &query = *attention_->query, &key = *attention_->key, &value = *attention_->value;
  const torch::Tensor packed = at::linear(y, at::cat({query.weight, key.weight, value.weight}),
                                          at::cat({query.bias, key.bias, value.bias}));
  const torch::Tensor attended = ops::attention({{packed, {}, {}}}, /*rope=*/{}, heads_, edges).front();
  return y + attention_->out->forward(attended);
}

void AttentionBlock::initialise(Initialiser& initialiser) const {
  norm_->initialise(initialiser);
  for (const auto& layer : {attention_->query, attention_->key, attention_->value, attention_->out}) {
    layer->initialise(initialiser);
  }
}

DenseBlock::Mlp::Mlp(const SimformerBlockShape& shape) {
  for (int64_t i = 0; i <= shape.hidden_layers; ++i) {
    const int64_t in = i == 0 ? shape.hidden : shape.mlp_width;
    const int64_t out = i == shape.hidden_layers ? shape.hidden : shape.mlp_width;
    layers.push_back(register_module(std::to_string(i), std::make_shared<Linear>(in, out)));
  }
}

DenseBlock::DenseBlock(const SimformerBlockShape& shape)
    : norm_(register_module("layer_norm", std::make_shared<LayerNorm>(shape.hidden))),
      mlp_(register_module("hidden_blocks", std::make_shared<Mlp>(shape))),
      context_(
          register_module("context_block", std::make_shared<Linear>(shape.time_features, shape.hidden))) {}

torch::Tensor DenseBlock::forward(const torch::Tensor& x, const torch::Tensor& time,
                                  at::ScalarType type) const {
  const torch::Tensor y = norm_->forward(x);
  torch::Tensor h = mlp_->layers.front()->forward_in(type, y);
  for (size_t i = 1; i < mlp_->layers.size(); ++i) h = mlp_->layers[i]->forward_in(type, ops::gelu(h));
  const torch::Tensor context = ops::gelu(context_->forward(time).unsqueeze(0));  // [1, B or 1, F]
  return h.to(y.scalar_type()) + context + y;
}

void DenseBlock::initialise(Initialiser& initialiser) const {
  norm_->initialise(initialiser);
  for (const auto& layer : mlp_->layers) layer->initialise(initialiser);
  context_->initialise(initialiser);
}

}  // namespace fluxsbi::model
