// The learned parts of the norms: modulation by the time vector, and the scales of QKNorm. The norms
// themselves are in model/ops.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include <torch/nn/module.h>

#include "model/blocks/linear.hpp"

namespace fluxsbi::model {

/// One shift, scale and gate of a modulation, each [B, F] in the parameters' dtype.
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

/// The learned scales of the RMS norms of q and k. Parameters: query_norm.scale [D], key_norm.scale [D].
class QkNorm : public torch::nn::Module {
 public:
  explicit QkNorm(int64_t head_dim);

  /// Of q and of k, [D] each.
  std::pair<torch::Tensor, torch::Tensor> scales() const;
  void initialise(Initialiser& initialiser) const;

 private:
  struct RmsNorm : torch::nn::Module {
    explicit RmsNorm(int64_t width);
    torch::Tensor scale;  // [width]
  };
  std::shared_ptr<RmsNorm> query_norm_, key_norm_;
};

}  // namespace fluxsbi::model
