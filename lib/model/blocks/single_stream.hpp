// The single-stream block of Flux (parallel attention and MLP, Dehghani et al. 2023, "ViT-22B") and the last
// layer.
#pragma once

#include <memory>

#include <torch/nn/module.h>

#include "model/blocks/double_stream.hpp"

namespace fluxsbi::model {

/// x + gate linear2([attention(qkv), gelu(mlp)]), where linear1((1 + scale) LN(x) + shift) = [qkv | mlp].
class SingleStreamBlock : public torch::nn::Module {
 public:
  explicit SingleStreamBlock(const BlockShape& shape);

  /// x [T, B, F], signal = SiLU(vec) [B, F], rope [T, B or 1, ...] or undefined -> [T, B, F]
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& signal, const torch::Tensor& rope) const;
  void initialise(Initialiser& initialiser) const;

 private:
  BlockShape shape_;
  std::shared_ptr<Modulation> modulation_;
  std::shared_ptr<QkNorm> norm_;
  std::shared_ptr<Linear> linear1_, linear2_;
};

/// [shift, scale] = Linear(SiLU(vec)); Linear((1 + scale) LN(x) + shift), float32 output.
class LastLayer : public torch::nn::Module {
 public:
  LastLayer(int64_t hidden, int64_t channels);

  /// x [L, B, F], signal = SiLU(vec) [B, F] -> [L, B, C] float32
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& signal) const;
  void initialise(Initialiser& initialiser) const;

 private:
  std::shared_ptr<Linear> modulation_, linear_;
};

}  // namespace fluxsbi::model
