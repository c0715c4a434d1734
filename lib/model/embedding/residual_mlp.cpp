#include "model/embedding/residual_mlp.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/layer_norm.h>

#include "model/ops/elementwise.hpp"

namespace fluxsbi::model {

namespace {

torch::Tensor normalised(const torch::Tensor& x) {
  return at::layer_norm(x, {x.size(-1)}, {}, {}, ops::norm_eps);
}

}  // namespace

ResidualBlock::ResidualBlock(int64_t width) {
  in_ = register_module("in", std::make_shared<Linear>(width, width));
  out_ = register_module("out", std::make_shared<Linear>(width, width));
}

torch::Tensor ResidualBlock::forward(const torch::Tensor& x) const {
  return x + out_->forward_wide(ops::gelu(in_->forward_wide(normalised(x))));
}

void ResidualBlock::initialise(Initialiser& initialiser) const {
  in_->initialise(initialiser);
  out_->initialise(initialiser);
}

ResidualMlpEmbedding::ResidualMlpEmbedding(int64_t values, int64_t hidden, int64_t blocks, int64_t tokens,
                                           int64_t features)
    : tokens_(tokens), features_(features) {
  in_ = register_module("in", std::make_shared<Linear>(values, hidden));
  blocks_ = register_module("blocks", std::make_shared<BlockList<ResidualBlock>>(blocks, hidden));
  out_ = register_module("out", std::make_shared<Linear>(hidden, tokens * features));
}

torch::Tensor ResidualMlpEmbedding::forward(const torch::Tensor& x) const {
  torch::Tensor h = in_->forward_wide(x.flatten(1).unsqueeze(0));  // [1, B, hidden]
  for (const auto& block : *blocks_) h = block->forward(h);
  return out_->forward_wide(normalised(h)).view({x.size(0), tokens_, features_});
}

void ResidualMlpEmbedding::initialise(Initialiser& initialiser) const {
  in_->initialise(initialiser);
  for (const auto& block : *blocks_) block->initialise(initialiser);
  out_->initialise(initialiser);
}

}  // namespace fluxsbi::model
