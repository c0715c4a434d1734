#include "model/flux1/flux1.hpp"

#include <cmath>

#include <ATen/ops/cat.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include "core/error.hpp"
#include "model/blocks/rope.hpp"
#include "model/flux1/ids.hpp"

namespace fluxsbi::model {

StreamEmbedding::StreamEmbedding(const StreamShape& stream, const Flux1Shape& shape)
    : concatenates_(!is_rotary(stream.strategy) && shape.concatenates_ids), value_scale_(1) {
  const int64_t F = shape.block.hidden();
  value_ = register_module("value",
                           std::make_shared<Linear>(stream.channels, concatenates_ ? shape.value_width : F));
  if (is_rotary(stream.strategy)) return;
  ids_ = register_module(
      "ids", std::make_shared<IdEmbedding>(stream.strategy, stream.tokens, shape.id_width, stream.grid));
  if (!concatenates_) value_scale_ = std::sqrt(static_cast<double>(F));
}

torch::Tensor StreamEmbedding::forward(const torch::Tensor& x, const torch::Tensor& ids) const {
  // float32: the product is tiny, and rounding x would blur small differences between rows.
  const torch::Tensor value = value_->forward_wide(x.transpose(0, 1).contiguous());  // [tokens, B, width]
  if (!ids_) return value;
  const torch::Tensor id = ids_->forward(ids, x.device());  // [tokens, B or 1, width]
  if (!concatenates_) return value * value_scale_ + id;
  return at::cat({value, id.expand({-1, value.size(1), -1})}, -1);
}

void StreamEmbedding::initialise(Initialiser& initialiser) const {
  value_->initialise(initialiser);
  if (ids_) ids_->initialise(initialiser);
}

Flux1::Flux1(const Flux1Shape& shape) : shape_(shape), time_embedding_(time_features) {
  const int64_t F = shape.block.hidden();
  if (shape.null_condition) {
    condition_embedding_ = register_parameter("condition_embedding", at::zeros({1, F}));
    condition_null_ = register_parameter("condition_null", at::zeros({1, shape.cond.tokens, F}));
  }
  obs_in_ = register_module("obs_in", std::make_shared<StreamEmbedding>(shape.obs, shape));
  cond_in_ = register_module("cond_in", std::make_shared<StreamEmbedding>(shape.cond, shape));
  time_in_ = register_module("time_in", std::make_shared<MlpEmbedder>(time_features, F));
  if (shape.guidance_dim > 0) {
    vector_in_ = register_module("vector_in", std::make_shared<MlpEmbedder>(shape.guidance_dim, F));
  }
  double_blocks_ = register_module("double_blocks",
                                   std::make_shared<BlockList<DoubleStreamBlock>>(shape.depth, shape.block));
  single_blocks_ = register_module(
      "single_blocks", std::make_shared<BlockList<SingleStreamBlock>>(shape.depth_single, shape.block));
  final_layer_ = register_module("final_layer", std::make_shared<LastLayer>(F, shape.obs.channels));
  if (!shape.id_axes.empty()) default_rope_ = DeviceConstant(rope({}));
}

torch::Tensor Flux1::forward(const Inputs& inputs) {
  check(inputs);
  const torch::Tensor signal = time_signal(inputs);                                           // [B, F]
  const torch::Tensor rope = this->rope(inputs);                                              // [M + L, ...]
  torch::Tensor obs = obs_in_->forward(inputs.obs, inputs.obs_ids).to(signal.scalar_type());  // [L, B, F]
  torch::Tensor cond = cond_tokens(inputs);                                                   // [M, B, F]

  for (const auto& block : *double_blocks_) std::tie(obs, cond) = block->forward(obs, cond, signal, rope);
  torch::Tensor x = at::cat({cond, obs}, 0);  // [M + L, B, F]
  for (const auto& block : *single_blocks_) x = block->forward(x, signal, rope);

  const torch::Tensor obs_tokens = x.narrow(0, shape_.cond.tokens, shape_.obs.tokens);
  return final_layer_->forward(obs_tokens, signal).transpose(0, 1).contiguous();
}

torch::Tensor Flux1::time_signal(const Inputs& inputs) const {
  torch::Tensor vec = time_in_->forward(time_embedding_(inputs.t));  // [B or 1, F]
  if (vector_in_) vec = vec + vector_in_->forward(inputs.guidance);
  if (inputs.conditioned.defined()) {
    vec = vec + inputs.conditioned.logical_not().unsqueeze(1) * condition_embedding_.to(vec.scalar_type());
  }
  return at::silu(vec).to(obs_in_->dtype());
}

torch::Tensor Flux1::cond_tokens(const Inputs& inputs) const {
  torch::Tensor cond = cond_in_->forward(inputs.cond, inputs.cond_ids);  // [M, B or 1, F]
  if (inputs.conditioned.defined()) {
    const torch::Tensor null = condition_null_.to(cond.scalar_type()).transpose(0, 1);  // [M, 1, F]
    cond = at::where(inputs.conditioned.unsqueeze(1), cond, null);
  }
  return cond.to(obs_in_->dtype()).expand({-1, inputs.rows(), -1});
}

torch::Tensor Flux1::rope(const Inputs& inputs) const {
  if (shape_.id_axes.empty()) return {};
  if (default_rope_.defined() && !inputs.obs_ids.defined() && !inputs.cond_ids.defined()) {
    return default_rope_.on(inputs.t.device());
  }
  const auto ids = [&](StreamRole role, const StreamShape& stream, const torch::Tensor& given) {
    const bool takes_given = given.defined() && is_rotary(stream.strategy);
    return takes_given ? given.transpose(0, 1) : default_rope_ids(shape_, role);  // [tokens, B or 1, A]
  };
  torch::Tensor obs = ids(StreamRole::obs, shape_.obs, inputs.obs_ids);
  torch::Tensor cond = ids(StreamRole::cond, shape_.cond, inputs.cond_ids);
  const int64_t rows = std::max(obs.size(1), cond.size(1));
  const at::Device device = inputs.t.defined() ? inputs.t.device() : at::Device(at::kCPU);
  const torch::Tensor all =
      at::cat({cond.to(device).expand({-1, rows, -1}), obs.to(device).expand({-1, rows, -1})});
  return rope_table(all, shape_.id_axes, shape_.rope_theta, shape_.block.heads);
}

void Flux1::check(const Inputs& inputs) const {
  const auto fits = [&](const torch::Tensor& x, const StreamShape& stream, bool one_row_allowed) {
    return x.defined() && x.dim() == 3 && x.size(1) == stream.tokens && x.size(2) == stream.channels &&
           (x.size(0) == inputs.rows() || (one_row_allowed && x.size(0) == 1));
  };
  core::require(inputs.obs.defined() && fits(inputs.obs, shape_.obs, false),
                "Flux1: obs is [B, L, C] of the model's shape");
  core::require(inputs.one_or_each(inputs.t), "Flux1: t is [1 or B]");
  core::require(fits(inputs.cond, shape_.cond, true), "Flux1: cond is [B or 1, M, K] of the model's shape");
  core::require(inputs.guidance.defined() == (shape_.guidance_dim > 0),
                "Flux1: guidance is given exactly where guidance_embed is set");
  core::require(
      !inputs.conditioned.defined() || (shape_.null_condition && inputs.one_or_each(inputs.conditioned)),
      "Flux1: conditioned is [1 or B] and needs Flux1Shape::null_condition");
}

void Flux1::initialise(uint64_t seed) {
  Initialiser initialiser(seed);
  if (shape_.null_condition) {
    initialiser.constant(condition_embedding_, 0.01);
    initialiser.normal(condition_null_, 1);
  }
  obs_in_->initialise(initialiser);
  cond_in_->initialise(initialiser);
  time_in_->initialise(initialiser);
  if (vector_in_) vector_in_->initialise(initialiser);
  for (const auto& block : *double_blocks_) block->initialise(initialiser);
  for (const auto& block : *single_blocks_) block->initialise(initialiser);
  final_layer_->initialise(initialiser);
}

}  // namespace fluxsbi::model
