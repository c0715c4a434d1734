// The double-stream block of Flux (MM-DiT, Esser et al. 2024): two streams with parameters of their own
// attend to each other.
#pragma once

#include <memory>
#include <utility>

#include <torch/nn/module.h>

#include "model/blocks/linear.hpp"
#include "model/blocks/norm.hpp"

namespace fluxsbi::model {

/// The widths that all blocks of a Flux network share.
struct BlockShape {
  int64_t heads = 0;      ///< H
  int64_t head_dim = 0;   ///< D
  int64_t mlp_width = 0;  ///< m = int(F mlp_ratio)
  bool qkv_bias = true;   ///< of double-stream blocks; single-stream blocks always have a bias

  int64_t hidden() const { return heads * head_dim; }  ///< F
};

/// All activations inside the network have the token axis first, [T, B, F]: joining and splitting streams are
/// then a plain concatenation and views, and [B, F] modulations broadcast.
class DoubleStreamBlock : public torch::nn::Module {
 public:
  explicit DoubleStreamBlock(const BlockShape& shape);

  /// obs [L, B, F], cond [M, B, F], signal = SiLU(vec) [B, F], rope [M + L, B or 1, ...] (cond first) or
  /// undefined -> the new (obs, cond)
  std::pair<torch::Tensor, torch::Tensor> forward(const torch::Tensor& obs, const torch::Tensor& cond,
                                                  const torch::Tensor& signal,
                                                  const torch::Tensor& rope) const;
  void initialise(Initialiser& initialiser) const;

 private:
  struct Attention : torch::nn::Module {
    explicit Attention(const BlockShape& shape);
    std::shared_ptr<QkNorm> norm;
    std::shared_ptr<Linear> qkv, proj;
  };
  struct Mlp : torch::nn::Module {
    explicit Mlp(const BlockShape& shape);
    torch::Tensor forward(const torch::Tensor& x) const;
    std::shared_ptr<Linear> in_layer, out_layer;
  };
  /// The modules that each stream has for itself.
  struct Stream {
    std::shared_ptr<Modulation> modulation;
    std::shared_ptr<Attention> attention;
    std::shared_ptr<Mlp> mlp;
  };

  Stream make_stream(const std::string& name, const BlockShape& shape);
  /// x + gate1 proj(attended), then + gate2 MLP((1 + scale2) LN(x) + shift2)
  static torch::Tensor finish(const Stream& stream, const std::vector<Triple>& modulation,
                              const torch::Tensor& x, const torch::Tensor& attended);

  BlockShape shape_;
  Stream obs_, cond_;
};

}  // namespace fluxsbi::model
