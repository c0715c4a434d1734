#include "model/blocks/double_stream.hpp"

#include <ATen/ops/addcmul.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>

#include "model/blocks/attention.hpp"

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
  return out_layer->forward(at::gelu(in_layer->forward(x), "tanh"));
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
  const int64_t L = obs.size(0), M = cond.size(0);
  const auto obs_mod = obs_.modulation->forward(signal), cond_mod = cond_.modulation->forward(signal);

  const auto packed = [&](const Stream& stream, const Triple& mod, const torch::Tensor& x) {
    return stream.attention->qkv->forward(modulated_norm(x, mod.shift, mod.scale).to(x.scalar_type()));
  };
  const auto scales = [&](const Stream& stream, int64_t tokens) {
    return stream.attention->norm->scales(shape_.heads).expand({tokens, 1, 2, shape_.heads, shape_.head_dim});
  };
  const torch::Tensor qkv =
      at::cat({packed(cond_, cond_mod[0], cond), packed(obs_, obs_mod[0], obs)}, 0);  // [M + L, B, 3F]
  const torch::Tensor attended = attention(qkv, at::cat({scales(cond_, M), scales(obs_, L)}, 0), rope);

  return {finish(obs_, obs_mod, obs, attended.narrow(0, M, L)),
          finish(cond_, cond_mod, cond, attended.narrow(0, 0, M))};
}

torch::Tensor DoubleStreamBlock::finish(const Stream& stream, const std::vector<Triple>& modulation,
                                        const torch::Tensor& x, const torch::Tensor& attended) {
  const torch::Tensor mixed = at::addcmul(x, modulation[0].gate, stream.attention->proj->forward(attended));
  const torch::Tensor normed = modulated_norm(mixed, modulation[1].shift, modulation[1].scale);
  return at::addcmul(mixed, modulation[1].gate, stream.mlp->forward(normed.to(x.scalar_type())));
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
