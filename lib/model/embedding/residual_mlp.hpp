// Residual multilayer perceptron: for long vectors, on which a deep plain MLP trains badly.
#pragma once

#include <memory>

#include "model/blocks/block_list.hpp"
#include "model/blocks/linear.hpp"
#include "model/embedding/embedding.hpp"

namespace fluxsbi::model {

/// x + Linear(GELU(Linear(LayerNorm(x)))); the norm has no parameters.
class ResidualBlock : public torch::nn::Module {
 public:
  explicit ResidualBlock(int64_t width);

  /// x [A, B, width] float32 -> the same
  torch::Tensor forward(const torch::Tensor& x) const;
  void initialise(Initialiser& initialiser) const;

 private:
  std::shared_ptr<Linear> in_, out_;
};

/// All M K values of x: Linear, blocks, LayerNorm, Linear; the output cut into T tokens.
class ResidualMlpEmbedding : public Embedding {
 public:
  ResidualMlpEmbedding(int64_t values, int64_t hidden, int64_t blocks, int64_t tokens, int64_t features);

  torch::Tensor forward(const torch::Tensor& x) const override;
  void initialise(Initialiser& initialiser) const override;

 private:
  int64_t tokens_, features_;
  std::shared_ptr<Linear> in_, out_;
  std::shared_ptr<BlockList<ResidualBlock>> blocks_;
};

}  // namespace fluxsbi::model
