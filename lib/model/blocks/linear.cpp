#include "model/blocks/linear.hpp"

#include <ATen/ops/linear.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/zeros.h>

namespace fluxsbi::model {

Linear::Linear(int64_t in, int64_t out, bool has_bias, Start start) : start_(start) {
  // Without values until it is initialised or loaded: a network that is too large for the machine can then be
  // built, counted and refused before memory is taken for it.
  weight = register_parameter("weight", at::empty({out, in}));
  if (has_bias) bias = register_parameter("bias", at::zeros({out}));
}

torch::Tensor Linear::forward(const torch::Tensor& x) const {
  return at::linear(x, weight, bias);
}

torch::Tensor Linear::forward_in(at::ScalarType type, const torch::Tensor& x) const {
  return at::linear(x.to(type), weight.to(type), bias.defined() ? bias.to(type) : bias);
}

void Linear::initialise(Initialiser& initialiser) const {
  if (start_ == Start::lecun) {
    initialiser.lecun(weight, weight.size(1));
  } else {
    initialiser.constant(weight, 0);
  }
  if (bias.defined()) initialiser.constant(bias, 0);
}

MlpEmbedder::MlpEmbedder(int64_t in, int64_t out) {
  in_layer_ = register_module("in_layer", std::make_shared<Linear>(in, out));
  out_layer_ = register_module("out_layer", std::make_shared<Linear>(out, out));
}

torch::Tensor MlpEmbedder::forward(const torch::Tensor& x) const {
  return out_layer_->forward_wide(at::silu(in_layer_->forward_wide(x)));
}

void MlpEmbedder::initialise(Initialiser& initialiser) const {
  in_layer_->initialise(initialiser);
  out_layer_->initialise(initialiser);
}

}  // namespace fluxsbi::model
