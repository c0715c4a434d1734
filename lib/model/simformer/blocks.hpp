// Simformer's parts: the embeddings of value and time, and the two blocks of a layer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <torch/nn/module.h>

#include "model/blocks/linear.hpp"

namespace fluxsbi::model {

/// The widths that all blocks of a Simformer share.
struct SimformerBlockShape {
  int64_t hidden = 0;         ///< F = dim_value + dim_id + dim_condition
  int64_t heads = 0;          ///< H
  int64_t qkv_features = 0;   ///< Q, width of q, k and v; divisible by H
  int64_t mlp_width = 0;      ///< of the hidden layers of a DenseBlock
  int64_t hidden_layers = 1;  ///< of a DenseBlock
  int64_t time_features = 0;
};

/// p repeat(x) + (1 - p) MlpEmbedder(x) with learned p [1, 1, width]: a value passes unchanged where the MLP
/// is not needed. repeat gives each channel width / channels neighbouring features.
class SkipEmbedder : public MlpEmbedder {
 public:
  /// width is a multiple of channels.
  SkipEmbedder(int64_t channels, int64_t width);

  /// x [L, B, channels] float32 -> [L, B, width] float32
  torch::Tensor forward(const torch::Tensor& x) const;
  void initialise(Initialiser& initialiser) const;

 private:
  torch::Tensor p_skip_;
};

/// Gaussian Fourier features of the time with learned frequencies B [features / 2 + 1, 1]:
/// [cos(2 pi t B), sin(2 pi t B)], the first `features` of them (Tancik et al. 2020, arXiv 2006.10739).
class FourierTime : public torch::nn::Module {
 public:
  explicit FourierTime(int64_t features);

  /// t [B] float32 -> [B, features] float32
  torch::Tensor forward(const torch::Tensor& t) const;
  void initialise(Initialiser& initialiser) const;

 private:
  int64_t features_;
  torch::Tensor frequencies_;
};

/// Layer norm over the last axis with learned scale [F] and bias [F].
class LayerNorm : public torch::nn::Module {
 public:
  explicit LayerNorm(int64_t hidden);

  torch::Tensor forward(const torch::Tensor& x) const;
  void initialise(Initialiser& initialiser) const;

 private:
  torch::Tensor scale_, bias_;
};

/// y + out(attention(y)), y = LN(x). The residual is the normed value.
class AttentionBlock : public torch::nn::Module {
 public:
  explicit AttentionBlock(const SimformerBlockShape& shape);

  /// x [L, B, F], edges [L, B or 1, L] as ops::attention takes them, or undefined -> [L, B, F]
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& edges) const;
  void initialise(Initialiser& initialiser) const;

 private:
  struct Attention : torch::nn::Module {
    explicit Attention(const SimformerBlockShape& shape);
    std::shared_ptr<Linear> query, key, value, out;
  };

  int64_t heads_;
  std::shared_ptr<LayerNorm> norm_;
  std::shared_ptr<Attention> attention_;
};

/// MLP(y) + gelu(Linear(time)) + y, y = LN(x).
class DenseBlock : public torch::nn::Module {
 public:
  explicit DenseBlock(const SimformerBlockShape& shape);

  /// x [L, B, F], time [B or 1, time_features] -> [L, B, F] float32. The MLP is computed in `type`.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& time, at::ScalarType type) const;
  void initialise(Initialiser& initialiser) const;

 private:
  struct Mlp : torch::nn::Module {
    explicit Mlp(const SimformerBlockShape& shape);
    std::vector<std::shared_ptr<Linear>> layers;  ///< the hidden ones and the one back to F
  };

  std::shared_ptr<LayerNorm> norm_;
  std::shared_ptr<Mlp> mlp_;
  std::shared_ptr<Linear> context_;
};

}  // namespace fluxsbi::model
