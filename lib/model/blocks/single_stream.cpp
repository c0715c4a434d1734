#include "model/blocks/single_stream.hpp"

#include "model/ops/attention.hpp"
#include "model/ops/elementwise.hpp"

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
  const Triple mod = modulation_->forward(signal).front();
  const torch::Tensor h = ops::modulated_norm(x, mod.shift, mod.scale, x.scalar_type());
  const auto [query_scale, key_scale] = norm_->scales();
  const auto mixed = ops::attention({{linear1_->forward(h), query_scale, key_scale}}, rope, shape_.heads);
  return ops::gated_residual(x, mod.gate, linear2_->forward(mixed.front()));
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
  const at::ScalarType type = wide(signal.scalar_type());
  const auto parts = modulation_->forward(signal).to(type).chunk(2, -1);
  return linear_->forward_wide(ops::modulated_norm(x, parts[0], parts[1], type));
}

void LastLayer::initialise(Initialiser& initialiser) const {
  modulation_->initialise(initialiser);
  linear_->initialise(initialiser);
}

}  // namespace fluxsbi::model
