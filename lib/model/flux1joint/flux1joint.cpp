#include "model/flux1joint/flux1joint.hpp"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "core/error.hpp"
#include "model/blocks/rope.hpp"

namespace fluxsbi::model {

namespace {

// [tokens, 1, axes]: the index, then zeros.
at::Tensor default_ids(int64_t tokens, int64_t axes) {
  at::Tensor ids = at::zeros({tokens, 1, axes}, at::kLong);
  ids.select(2, 0).copy_(at::arange(tokens, at::kLong).unsqueeze(1));
  return ids;
}

}  // namespace

Flux1Joint::Flux1Joint(const Flux1JointShape& shape) : shape_(shape), time_embedding_(time_features) {
  const int64_t F = shape.block.hidden();
  condition_embedding_ = register_parameter("condition_embedding", at::zeros({1, 1, shape.mark_width}));
  obs_in_ = register_module("obs_in", std::make_shared<Linear>(shape.channels, shape.value_width));
  if (shape.form == TokenForm::rotary) {
    const auto axes = static_cast<int64_t>(shape.id_axes.size());
    default_rope_ = DeviceConstant(
        rope_table(default_ids(shape.tokens, axes), shape.id_axes, shape.rope_theta, shape.block.heads));
  } else {
    ids_ = register_module("ids", std::make_shared<IdEmbedding>(IdStrategy::absolute, shape.tokens,
                                                                shape.id_width, std::vector<int64_t>{}));
  }
  time_in_ = register_module("time_in", std::make_shared<MlpEmbedder>(time_features, F));
  if (shape.guidance_dim > 0) {
    vector_in_ = register_module("vector_in", std::make_shared<MlpEmbedder>(shape.guidance_dim, F));
  }
  single_blocks_ = register_module("single_blocks",
                                   std::make_shared<BlockList<SingleStreamBlock>>(shape.depth, shape.block));
  final_layer_ = register_module("final_layer", std::make_shared<LastLayer>(F, shape.channels));
}

torch::Tensor Flux1Joint::forward(const Inputs& inputs) {
  check(inputs);
  const torch::Tensor signal = time_signal(inputs);           // [B or 1, F]
  const torch::Tensor rope = this->rope(inputs);              // [L, ...] or undefined
  torch::Tensor x = tokens(inputs).to(signal.scalar_type());  // [L, B, F]
  for (const auto& block : *single_blocks_) x = block->forward(x, signal, rope);
  return final_layer_->forward(x, signal).transpose(0, 1).contiguous();
}

torch::Tensor Flux1Joint::time_signal(const Inputs& inputs) const {
  torch::Tensor vec = time_in_->forward(time_embedding_(inputs.t));
  if (vector_in_) vec = vec + vector_in_->forward(inputs.guidance);
  return at::silu(vec).to(obs_in_->weight.scalar_type());
}

torch::Tensor Flux1Joint::tokens(const Inputs& inputs) const {
  // float32: the product is tiny, and rounding x would blur small differences between rows.
  const torch::Tensor value = obs_in_->forward_wide(inputs.obs.transpose(0, 1).contiguous());  // [L, B, .]
  torch::Tensor mark = condition_embedding_.to(value.scalar_type());                           // [1, 1, .]
  const torch::Tensor factor = mark_factor(inputs);
  mark = factor.defined() ? mark * factor.transpose(0, 1) : at::zeros_like(mark);  // [L, B or 1, .]
  const torch::Tensor id = ids_ ? ids_->forward(inputs.obs_ids, value.device()) : torch::Tensor();
  if (shape_.form == TokenForm::sum) {
    return value * std::sqrt(static_cast<double>(shape_.block.hidden())) + id + mark;
  }
  const auto for_all = [&](const torch::Tensor& part) {
    return part.expand({value.size(0), value.size(1), -1});
  };
  return ids_ ? at::cat({value, for_all(mark), for_all(id)}, -1) : at::cat({value, for_all(mark)}, -1);
}

torch::Tensor Flux1Joint::rope(const Inputs& inputs) const {
  if (!default_rope_.defined()) return {};
  if (!inputs.obs_ids.defined()) return default_rope_.on(inputs.t.device());
  const torch::Tensor ids = inputs.obs_ids.to(inputs.t.device()).transpose(0, 1);  // [L, B or 1, A]
  return rope_table(ids, shape_.id_axes, shape_.rope_theta, shape_.block.heads);
}

void Flux1Joint::check(const Inputs& inputs) const {
  const torch::Tensor &obs = inputs.obs, &mask = inputs.condition_mask;
  core::require(
      obs.defined() && obs.dim() == 3 && obs.size(1) == shape_.tokens && obs.size(2) == shape_.channels,
      "Flux1Joint: obs is [B, L, C] of the model's shape");
  core::require(inputs.one_or_each(inputs.t), "Flux1Joint: t is [1 or B]");
  core::require(!mask.defined() || (mask.scalar_type() == at::kBool && mask.dim() == 3 &&
                                    (mask.size(0) == obs.size(0) || mask.size(0) == 1) &&
                                    mask.size(1) == shape_.tokens && mask.size(2) == 1),
                "Flux1Joint: condition_mask is [B or 1, L, 1] bool");
  core::require(
      !inputs.missing.defined() || (inputs.missing.dim() == 3 && inputs.missing.size(1) == shape_.tokens),
      "Flux1Joint: missing is [B or 1, L, 1] bool");
  core::require(inputs.guidance.defined() == (shape_.guidance_dim > 0),
                "Flux1Joint: guidance is given exactly where guidance_embed is set");
  core::require(!inputs.conditioned.defined() && !inputs.edge_mask.defined(),
                "Flux1Joint has no null condition and no edge mask");
}

void Flux1Joint::initialise(uint64_t seed) {
  Initialiser initialiser(seed);
  initialiser.constant(condition_embedding_, 0.01);
  obs_in_->initialise(initialiser);
  if (ids_) ids_->initialise(initialiser);
  time_in_->initialise(initialiser);
  if (vector_in_) vector_in_->initialise(initialiser);
  for (const auto& block : *single_blocks_) block->initialise(initialiser);
  final_layer_->initialise(initialiser);
}

}  // namespace fluxsbi::model
