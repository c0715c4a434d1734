// Flux1: the transformer of FLUX (Black Forest Labs 2024) as GenSBI uses it for simulation-based inference.
// Two streams, obs (what is inferred) and cond (what is conditioned on), pass through double-stream blocks.
// They are then joined and pass through single-stream blocks. The obs tokens leave through the last layer.
#pragma once

#include <memory>
#include <vector>

#include "model/blocks/block_list.hpp"
#include "model/blocks/device_constant.hpp"
#include "model/blocks/double_stream.hpp"
#include "model/blocks/id_embedding.hpp"
#include "model/blocks/linear.hpp"
#include "model/blocks/single_stream.hpp"
#include "model/blocks/time_embedding.hpp"
#include "model/network.hpp"

namespace fluxsbi::model {

/// The number of a stream is its id on the axis that tells the streams apart.
enum class StreamRole : int64_t { obs = 0, cond = 1 };

/// One of the two streams.
struct StreamShape {
  int64_t tokens = 0;
  int64_t channels = 1;
  IdStrategy strategy = IdStrategy::sequence;
  std::vector<int64_t> grid;  ///< [rows, columns] for pos2d and rope2d
};

/// Everything that fixes the network; Flux1Spec makes it from the configuration and has checked it.
struct Flux1Shape {
  BlockShape block;
  int64_t depth = 0;             ///< double-stream blocks
  int64_t depth_single = 0;      ///< single-stream blocks
  int64_t guidance_dim = 0;      ///< width of the guidance vector; 0: none
  bool null_condition = false;   ///< learned stand-ins for the condition of unconditioned rows
  std::vector<int64_t> id_axes;  ///< the features of a head that each id axis rotates; empty: no RoPE
  double rope_theta = 10000;
  bool concatenates_ids =
      false;  ///< token = [value, id] with F = value_width + id_width; else both have width F
  int64_t value_width = 0;
  int64_t id_width = 0;
  StreamShape obs, cond;
};

/// Tokens of one stream from its values: Linear, and the id embedding where the stream is not rotary.
class StreamEmbedding : public torch::nn::Module {
 public:
  StreamEmbedding(const StreamShape& stream, const Flux1Shape& shape);

  /// x [B, tokens, channels] -> [tokens, B, F] float32
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& ids) const;
  void initialise(Initialiser& initialiser) const;
  /// of the parameters now
  at::ScalarType dtype() const { return value_->weight.scalar_type(); }

 private:
  bool concatenates_;
  double value_scale_;  ///< sqrt(F) where the id is added, else 1
  std::shared_ptr<Linear> value_;
  std::shared_ptr<IdEmbedding> ids_;  ///< null for a rotary stream
};

class Flux1 : public Network {
 public:
  explicit Flux1(const Flux1Shape& shape);

  torch::Tensor forward(const Inputs& inputs) override;
  bool joint() const override { return false; }
  void initialise(uint64_t seed) override;

  const Flux1Shape& shape() const { return shape_; }
  /// The rotations of cond and obs tokens [M + L, B or 1, 2, H, D/2]; undefined without RoPE.
  torch::Tensor rope(const Inputs& inputs) const;

 private:
  void check(const Inputs& inputs) const;
  /// SiLU(vec) [1 or B, F] in the parameters' dtype: all that the blocks see of time, guidance and the null
  /// condition.
  torch::Tensor time_signal(const Inputs& inputs) const;
  /// [M, B, F] in the parameters' dtype
  torch::Tensor cond_tokens(const Inputs& inputs) const;

  Flux1Shape shape_;
  TimeEmbedding time_embedding_;
  DeviceConstant default_rope_;
  std::shared_ptr<MlpEmbedder> time_in_, vector_in_;
  std::shared_ptr<StreamEmbedding> obs_in_, cond_in_;
  torch::Tensor condition_embedding_;  ///< [1, F], added to vec of unconditioned rows
  torch::Tensor condition_null_;       ///< [1, M, F], their cond tokens
  std::shared_ptr<BlockList<DoubleStreamBlock>> double_blocks_;
  std::shared_ptr<BlockList<SingleStreamBlock>> single_blocks_;
  std::shared_ptr<LastLayer> final_layer_;
};

}  // namespace fluxsbi::model
