// Norms and their modulation by the time vector. All arithmetic is float32, whatever the parameters' dtype.
#pragma once

#include <memory>
#include <vector>

#include <torch/nn/module.h>

#include "model/blocks/linear.hpp"

namespace fluxsbi::model {

inline constexpr double norm_eps = 1e-6;  ///< of every norm of the Flux models

/// One shift, scale and gate of a modulation, each [B, F]. Shift and scale are float32.
struct Triple {
  torch::Tensor shift, scale, gate;
};

/// Modulation by the time vector: Linear(SiLU(vec)) split into `triples` triples. It starts at zero, so that
/// a block starts as the identity.
class Modulation : public torch::nn::Module {
 public:
  Modulation(int64_t hidden, int64_t triples);

  /// signal = SiLU(vec) [B, F] in the parameters' dtype
  std::vector<Triple> forward(const torch::Tensor& signal) const;
  void initialise(Initialiser& initialiser) const { lin_->initialise(initialiser); }

 private:
  int64_t triples_;
  std::shared_ptr<Linear> lin_;
};

/// (1 + scale) LayerNorm(x) + shift, float32; LayerNorm without learned scale or bias.
/// x [T, B, F]; shift, scale [B, F] float32
torch::Tensor modulated_norm(const torch::Tensor& x, const torch::Tensor& shift, const torch::Tensor& scale);

/// The learned scales of the RMS norms of q and k. Parameters: query_norm.scale [D], key_norm.scale [D].
class QkNorm : public torch::nn::Module {
 public:
  explicit QkNorm(int64_t head_dim);

  /// Both scales, repeated for each head: [2, H, D] float32
  torch::Tensor scales(int64_t heads) const;
  void initialise(Initialiser& initialiser) const;

 private:
  struct RmsNorm : torch::nn::Module {
    explicit RmsNorm(int64_t width);
    torch::Tensor scale;  // [width]
  };
  std::shared_ptr<RmsNorm> query_norm_, key_norm_;
};

/// x / sqrt(mean(x^2) + eps) * scale over the last dimension, float32
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& scale);

}  // namespace fluxsbi::model
