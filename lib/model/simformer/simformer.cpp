#include "model/simformer/simformer.hpp"

#include <tuple>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>

#include "core/error.hpp"

namespace fluxsbi::model {

Simformer::Transformer::Transformer(const SimformerShape& shape)
    : attention_blocks(register_module(
          "attention_blocks", std::make_shared<BlockList<AttentionBlock>>(shape.layers, shape.block))),
      dense_blocks(register_module("dense_blocks",
                                   std::make_shared<BlockList<DenseBlock>>(shape.layers, shape.block))),
      norm(register_module("layer_norm", std::make_shared<LayerNorm>(shape.block.hidden))) {}

Simformer::Simformer(const SimformerShape& shape) : shape_(shape) {
  condition_embedding_ = register_parameter("condition_embedding", at::zeros({1, 1, shape.condition_width}));
  value_ = register_module("embedding_net_value",
                           std::make_shared<SkipEmbedder>(shape.channels, shape.value_width));
  id_ = register_module("embedding_net_id",
                        std::make_shared<IdEmbedding>(IdStrategy::absolute, shape.tokens, shape.id_width,
                                                      std::vector<int64_t>{}));
  time_ = register_module("embedding_time", std::make_shared<FourierTime>(shape.block.time_features));
  transformer_ = register_module("transformer", std::make_shared<Transformer>(shape));
  output_ = register_module("output_fn", std::make_shared<Linear>(shape.block.hidden, shape.channels));
  if (!shape.edges.empty()) default_edges_ = DeviceConstant(edge_table(shape.edges));
}

torch::Tensor Simformer::forward(const Inputs& inputs) {
  check(inputs);
  const torch::Tensor time = time_->forward(inputs.t);
  const torch::Tensor edges = this->edges(inputs);
  torch::Tensor x = tokens(inputs);  // [L, B, F]
  auto dense = transformer_->dense_blocks->begin();
  for (const auto& attention : *transformer_->attention_blocks) {
    x = (*dense++)->forward(attention->forward(x, edges), time, mlp_type_);
  }
  return output_->forward(transformer_->norm->forward(x)).transpose(0, 1).contiguous();
}

torch::Tensor Simformer::tokens(const Inputs& inputs) const {
  const int64_t L = shape_.tokens, B = inputs.obs.size(0);
  const torch::Tensor value = value_->forward(inputs.obs.transpose(0, 1).contiguous());
  const torch::Tensor id = id_->forward(inputs.obs_ids, inputs.obs.device());  // [L, B or 1, id_width]
  const torch::Tensor factor = mark_factor(inputs);
  const torch::Tensor condition =  // [L, B or 1, condition_width]
      factor.defined() ? factor.transpose(0, 1) * condition_embedding_
                       : at::zeros({L, 1, shape_.condition_width}, value.options());
  return at::cat({value, id.expand({L, B, -1}), condition.expand({L, B, -1})}, -1);
}

torch::Tensor Simformer::edges(const Inputs& inputs) const {
  const torch::Tensor& mask = inputs.edge_mask;  // [L, L] or [B, L, L]
  if (mask.defined()) return (mask.dim() == 2 ? mask.unsqueeze(1) : mask.transpose(0, 1)).to(at::kFloat);
  return default_edges_.defined() ? default_edges_.on(inputs.t.device()) : torch::Tensor();
}

void Simformer::check(const Inputs& inputs) const {
  const auto& [obs, mask, edge_mask] = std::tie(inputs.obs, inputs.condition_mask, inputs.edge_mask);
  const int64_t L = shape_.tokens;
  core::require(obs.defined() && obs.dim() == 3 && obs.size(1) == L && obs.size(2) == shape_.channels,
                "Simformer: obs is [B, L, C] of all joint tokens");
  const int64_t B = inputs.rows();
  core::require(inputs.one_or_each(inputs.t), "Simformer: t is [1 or B]");
  core::require(!mask.defined() || (mask.dim() == 3 && (mask.size(0) == B || mask.size(0) == 1) &&
                                    mask.size(1) == L && mask.size(2) == 1),
                "Simformer: condition_mask is [B or 1, L, 1]");
  core::require(!edge_mask.defined() || edge_mask.sizes() == at::IntArrayRef{L, L} ||
                    edge_mask.sizes() == at::IntArrayRef{B, L, L},
                "Simformer: edge_mask is [L, L] or [B, L, L]");
}

at::ScalarType Simformer::accept(at::ScalarType compute) {
  mlp_type_ = compute;
  return at::kFloat;
}

void Simformer::initialise(uint64_t seed) {
  Initialiser initialiser(seed);
  initialiser.constant(condition_embedding_, 0.01);
  value_->initialise(initialiser);
  id_->initialise(initialiser);
  time_->initialise(initialiser);
  for (const auto& block : *transformer_->attention_blocks) block->initialise(initialiser);
  for (const auto& block : *transformer_->dense_blocks) block->initialise(initialiser);
  transformer_->norm->initialise(initialiser);
  output_->initialise(initialiser);
}

}  // namespace fluxsbi::model
