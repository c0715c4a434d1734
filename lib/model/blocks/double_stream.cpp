#include "model/blocks/double_stream.hpp"

#include "model/ops/attention.hpp"
#include "model/ops/elementwise.hpp"

namespace fluxsbi::model {

DoubleStreamBlock::Attention::Attention(const BlockShape& shape) {
  norm = register_module("norm", std::make_shared<QkNorm>(shape.head_dim));
  qkv = register_module("qkv", std::make_shared<Linear>(shape.hidden(), 3 * shape.hidden(), shape.qkv_bias));
  proj = register_module("proj", std::make_shared<Linear>(shape.hidden(), shape.hidden()));
}

DoubleStreamBlock::Mlp::Mlp(const BlockShape& shape) {
  in_layer = register_module("in_layer", std::make_shared<Linear>(shape.hidden(), shape.mlp_width));
  out_layer = register_module("out_layer", std::make_shared<Linear>(shape.mlp_width, shape.hidden()));
}

torch::Tensor DoubleStreamBlock::Mlp::forward(const torch::Tensor& x) const {
  return out_layer->forward(ops::gelu(in_layer->forward(x)));
}

DoubleStreamBlock::Stream DoubleStreamBlock::make_stream(const std::string& name, const BlockShape& shape) {
  return {register_module(name + "_mod", std::make_shared<Modulation>(shape.hidden(), 2)),
          register_module(name + "_attn", std::make_shared<Attention>(shape)),
          register_module(name + "_mlp", std::make_shared<Mlp>(shape))};
}

DoubleStreamBlock::DoubleStreamBlock(const BlockShape& shape)
    : shape_(shape), obs_(make_stream("obs", shape)), cond_(make_stream("cond", shape)) {}

std::pair<torch::Tensor, torch::Tensor> DoubleStreamBlock::forward(const torch::Tensor& obs,
                                                                   const torch::Tensor& cond,
                                                                   const torch::Tensor& signal,
                                                                   const torch::Tensor& rope) const {
  const auto obs_mod = obs_.modulation->forward(signal), cond_mod = cond_.modulation->forward(signal);

  const auto stream = [&](const Stream& own, const Triple& mod, const torch::Tensor& x) {
    const torch::Tensor normed = ops::modulated_norm(x, mod.shift, mod.scale, x.scalar_type());
    const auto [query_scale, key_scale] = own.attention->norm->scales();
    return ops::Stream{own.attention->qkv->forward(normed), query_scale, key_scale};
  };
  const auto attended =
      ops::attention({stream(cond_, cond_mod[0], cond), stream(obs_, obs_mod[0], obs)}, rope,
                     shape_.heads);  // cond [M, B, F], obs [L, B, F]
  return {finish(obs_, obs_mod, obs, attended[1]), finish(cond_, cond_mod, cond, attended[0])};
}

torch::Tensor DoubleStreamBlock::finish(const Stream& stream, const std::vector<Triple>& modulation,
                                        const torch::Tensor& x, const torch::Tensor& attended) {
  const torch::Tensor mixed =
      ops::gated_residual(x, modulation[0].gate, stream.attention->proj->forward(attended));
  const torch::Tensor normed =
      ops::modulated_norm(mixed, modulation[1].shift, modulation[1].scale, x.scalar_type());
  return ops::gated_residual(mixed, modulation[1].gate, stream.mlp->forward(normed));
}

void DoubleStreamBlock::initialise(Initialiser& initialiser) const {
  for (const Stream* stream : {&obs_, &cond_}) {
    stream->modulation->initialise(initialiser);
    stream->attention->norm->initialise(initialiser);
    for (const auto& layer :
         {stream->attention->qkv, stream->attention->proj, stream->mlp->in_layer, stream->mlp->out_layer}) {
      layer->initialise(initialiser);
    }
  }
}

}  // namespace fluxsbi::model
