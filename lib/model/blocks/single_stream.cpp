#include "model/blocks/single_stream.hpp"

#include <ATen/ops/addcmul.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linear.h>

#include "model/blocks/attention.hpp"

namespace fluxsbi::model {

SingleStreamBlock::SingleStreamBlock(const BlockShape& shape) : shape_(shape) {
  const int64_t F = shape.hidden(), m = shape.mlp_width;
  modulation_ = register_module("modulation", std::make_shared<Modulation>(F, 1));
  norm_ = register_module("norm", std::make_shared<QkNorm>(shape.head_dim));
  linear1_ = register_module("linear1", std::make_shared<Linear>(F, 3 * F + m));
  linear2_ = register_module("linear2", std::make_shared<Linear>(F + m, F));
}

torch::Tensor SingleStreamBlock::forward(const torch::Tensor& x, const torch::Tensor& signal,
                                         const torch::Tensor& rope) const {
  const int64_t F = shape_.hidden(), m = shape_.mlp_width;
  const Triple mod = modulation_->forward(signal).front();
  const torch::Tensor h = modulated_norm(x, mod.shift, mod.scale).to(x.scalar_type());

  // The two halves of each Linear are computed apart: parting the weights is cheaper than parting, and in
  // the backward pass joining, the activations.
  const auto w1 = linear1_->weight.split_with_sizes({3 * F, m}, 0),
             b1 = linear1_->bias.split_with_sizes({3 * F, m});
  const auto w2 = linear2_->weight.split_with_sizes({F, m}, 1);
  const torch::Tensor attended = attention(at::linear(h, w1[0], b1[0]), norm_->scales(shape_.heads), rope);
  const torch::Tensor mlp = at::gelu(at::linear(h, w1[1], b1[1]), "tanh");
  const torch::Tensor out = at::linear(attended, w2[0], linear2_->bias) + at::linear(mlp, w2[1]);
  return at::addcmul(x, mod.gate, out);
}

void SingleStreamBlock::initialise(Initialiser& initialiser) const {
  modulation_->initialise(initialiser);
  norm_->initialise(initialiser);
  linear1_->initialise(initialiser);
  linear2_->initialise(initialiser);
}

LastLayer::LastLayer(int64_t hidden, int64_t channels) {
  modulation_ = register_module("modulation", std::make_shared<Linear>(hidden, 2 * hidden));
  linear_ = register_module("linear", std::make_shared<Linear>(hidden, channels));
}

torch::Tensor LastLayer::forward(const torch::Tensor& x, const torch::Tensor& signal) const {
  const auto parts = modulation_->forward(signal).to(at::kFloat).chunk(2, -1);
  return linear_->forward_float32(modulated_norm(x, parts[0], parts[1]));
}

void LastLayer::initialise(Initialiser& initialiser) const {
  modulation_->initialise(initialiser);
  linear_->initialise(initialiser);
}

}  // namespace fluxsbi::model
