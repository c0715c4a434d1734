// Multilayer perceptron: for a vector of summaries or data without structure.
#pragma once

#include <memory>

#include "model/blocks/block_list.hpp"
#include "model/blocks/linear.hpp"
#include "model/embedding/embedding.hpp"

namespace fluxsbi::model {

/// One hidden layer: Linear, GELU.
class HiddenLayer : public torch::nn::Module {
 public:
  explicit HiddenLayer(int64_t width);

  /// x [A, B, width] -> the same shape, float32
  torch::Tensor forward(const torch::Tensor& x) const;
  void initialise(Initialiser& initialiser) const { linear_->initialise(initialiser); }

 private:
  std::shared_ptr<Linear> linear_;
};

/// Linear, GELU, `layers` - 1 hidden layers, Linear; over the last axis.
class Mlp : public torch::nn::Module {
 public:
  Mlp(int64_t in, int64_t hidden, int64_t layers, int64_t out);

  /// x [A, B, in] -> [A, B, out] float32
  torch::Tensor forward(const torch::Tensor& x) const;
  void initialise(Initialiser& initialiser) const;

 private:
  std::shared_ptr<Linear> in_, out_;
  std::shared_ptr<BlockList<HiddenLayer>> hidden_;
};

/// All M K values of x through one Mlp, its output cut into T tokens.
class MlpEmbedding : public Embedding {
 public:
  MlpEmbedding(int64_t values, int64_t hidden, int64_t layers, int64_t tokens, int64_t features);

  torch::Tensor forward(const torch::Tensor& x) const override;
  void initialise(Initialiser& initialiser) const override { mlp_->initialise(initialiser); }

 private:
  int64_t tokens_, features_;
  std::shared_ptr<Mlp> mlp_;
};

}  // namespace fluxsbi::model
