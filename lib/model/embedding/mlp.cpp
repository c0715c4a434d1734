#include "model/embedding/mlp.hpp"

#include "model/ops/elementwise.hpp"

namespace fluxsbi::model {

HiddenLayer::HiddenLayer(int64_t width) {
  linear_ = register_module("linear", std::make_shared<Linear>(width, width));
}

torch::Tensor HiddenLayer::forward(const torch::Tensor& x) const {
  return ops::gelu(linear_->forward_wide(x));
}

Mlp::Mlp(int64_t in, int64_t hidden, int64_t layers, int64_t out) {
  in_ = register_module("in", std::make_shared<Linear>(in, hidden));
  hidden_ = register_module("hidden", std::make_shared<BlockList<HiddenLayer>>(layers - 1, hidden));
  out_ = register_module("out", std::make_shared<Linear>(hidden, out));
}

torch::Tensor Mlp::forward(const torch::Tensor& x) const {
  torch::Tensor h = ops::gelu(in_->forward_wide(x));
  for (const auto& layer : *hidden_) h = layer->forward(h);
  return out_->forward_wide(h);
}

void Mlp::initialise(Initialiser& initialiser) const {
  in_->initialise(initialiser);
  for (const auto& layer : *hidden_) layer->initialise(initialiser);
  out_->initialise(initialiser);
}

MlpEmbedding::MlpEmbedding(int64_t values, int64_t hidden, int64_t layers, int64_t tokens, int64_t features)
    : tokens_(tokens), features_(features) {
  mlp_ = register_module("mlp", std::make_shared<Mlp>(values, hidden, layers, tokens * features));
}

torch::Tensor MlpEmbedding::forward(const torch::Tensor& x) const {
  const torch::Tensor y = mlp_->forward(x.flatten(1).unsqueeze(0));  // [1, B, T F]
  return y.view({x.size(0), tokens_, features_});
}

}  // namespace fluxsbi::model
