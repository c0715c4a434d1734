// Simformer (Gloeckler et al. 2024, "All-in-one simulation-based inference", arXiv 2404.09636), as GenSBI has
// it: a transformer over all joint tokens, theta first, then x. A token is its value, its id and whether it
// is conditioned on, side by side; an edge mask may say which tokens attend to which.
#pragma once

#include <memory>

#include "model/blocks/block_list.hpp"
#include "model/blocks/device_constant.hpp"
#include "model/blocks/id_embedding.hpp"
#include "model/network.hpp"
#include "model/simformer/blocks.hpp"
#include "model/simformer/edges.hpp"

namespace fluxsbi::model {

/// Everything that fixes the network; SimformerSpec makes it from the configuration and has checked it.
struct SimformerShape {
  SimformerBlockShape block;
  int64_t channels = 1;                                        ///< C
  int64_t tokens = 0;                                          ///< L, of theta and x
  int64_t value_width = 0, id_width = 0, condition_width = 0;  ///< their sum is block.hidden
  int64_t layers = 0;
  EdgeRows edges;  ///< used where inputs bring no edge mask; empty: every token attends to every token
};

class Simformer : public Network {
 public:
  explicit Simformer(const SimformerShape& shape);

  torch::Tensor forward(const Inputs& inputs) override;
  bool joint() const override { return true; }
  void initialise(uint64_t seed) override;
  /// Parameters are always float32; bfloat16 affects only the arithmetic of the MLPs.
  at::ScalarType accept(at::ScalarType compute) override;

  const SimformerShape& shape() const { return shape_; }

 private:
  struct Transformer : torch::nn::Module {
    explicit Transformer(const SimformerShape& shape);
    std::shared_ptr<BlockList<AttentionBlock>> attention_blocks;
    std::shared_ptr<BlockList<DenseBlock>> dense_blocks;
    std::shared_ptr<LayerNorm> norm;
  };

  void check(const Inputs& inputs) const;
  /// [L, B, F]: value, id and condition of each token
  torch::Tensor tokens(const Inputs& inputs) const;
  /// [L, B or 1, L] float32 of 0 and 1, or undefined
  torch::Tensor edges(const Inputs& inputs) const;

  SimformerShape shape_;
  at::ScalarType mlp_type_ = at::kFloat;
  DeviceConstant default_edges_;
  torch::Tensor condition_embedding_;  ///< [1, 1, condition_width]
  std::shared_ptr<SkipEmbedder> value_;
  std::shared_ptr<IdEmbedding> id_;
  std::shared_ptr<FourierTime> time_;
  std::shared_ptr<Transformer> transformer_;
  std::shared_ptr<Linear> output_;
};

}  // namespace fluxsbi::model
