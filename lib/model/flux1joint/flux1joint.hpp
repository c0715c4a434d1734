// Flux1Joint: the single-stream blocks of Flux over the joint tokens of theta and x, as GenSBI uses them. A
// mask says which tokens are conditioned on, so that one network serves every conditional of the joint
// distribution.
#pragma once

#include <memory>
#include <vector>

#include "model/blocks/block_list.hpp"
#include "model/blocks/device_constant.hpp"
#include "model/blocks/id_embedding.hpp"
#include "model/blocks/linear.hpp"
#include "model/blocks/single_stream.hpp"
#include "model/blocks/time_embedding.hpp"
#include "model/network.hpp"

namespace fluxsbi::model {

/// How a token is made of its value, its mark (the learned vector e_c where it is conditioned on, -e_c where
/// it has no value, else zero) and its id.
enum class TokenForm {
  rotary,  ///< [value, mark]; the ids rotate q and k (a section of the older generation)
  sum,     ///< sqrt(F) value + id + mark, all of width F
  concat,  ///< [value, mark, id]
};

/// Everything that fixes the network; Flux1JointSpec makes it from the configuration and has checked it.
struct Flux1JointShape {
  BlockShape block;
  int64_t depth = 0;         ///< single-stream blocks
  int64_t guidance_dim = 0;  ///< width of the guidance vector; 0: none
  int64_t tokens = 0;        ///< of theta and x together
  int64_t channels = 1;
  TokenForm form = TokenForm::rotary;
  int64_t value_width = 0, mark_width = 0;
  int64_t id_width = 0;          ///< sum, concat
  std::vector<int64_t> id_axes;  ///< rotary: the features of a head that each id axis rotates
  double rope_theta = 10000;     ///< rotary
};

class Flux1Joint : public Network {
 public:
  explicit Flux1Joint(const Flux1JointShape& shape);

  /// obs [B, L, C], theta's tokens first; condition_mask [B or 1, L, 1]; obs_ids [B or 1, L, A]
  torch::Tensor forward(const Inputs& inputs) override;
  bool joint() const override { return true; }
  void initialise(uint64_t seed) override;

  const Flux1JointShape& shape() const { return shape_; }
  /// The rotations of the tokens [L, B or 1, 2, H, D/2]; undefined for the other forms. By default the first
  /// axis holds the token's index; further ones hold 0 for all tokens, which attention does not see.
  torch::Tensor rope(const Inputs& inputs) const;

 private:
  void check(const Inputs& inputs) const;
  /// SiLU(vec) [B or 1, F] in the parameters' dtype
  torch::Tensor time_signal(const Inputs& inputs) const;
  /// [L, B, F] float32
  torch::Tensor tokens(const Inputs& inputs) const;

  Flux1JointShape shape_;
  TimeEmbedding time_embedding_;
  DeviceConstant default_rope_;
  torch::Tensor condition_embedding_;  ///< e_c [1, 1, mark_width]
  std::shared_ptr<Linear> obs_in_;
  std::shared_ptr<IdEmbedding> ids_;  ///< null for the rotary form
  std::shared_ptr<MlpEmbedder> time_in_, vector_in_;
  std::shared_ptr<BlockList<SingleStreamBlock>> single_blocks_;
  std::shared_ptr<LastLayer> final_layer_;
};

}  // namespace fluxsbi::model
