// Linear layers and the two-layer embedder.
#pragma once

#include <memory>

#include <torch/nn/module.h>

#include "model/blocks/initialiser.hpp"

namespace fluxsbi::model {

/// The type of what must not be rounded to bfloat16: float32, or float64 for a network in float64, which
/// tests measure the others by.
inline at::ScalarType wide(at::ScalarType type) {
  return at::promote_types(type, at::kFloat);
}

/// y = x W^T + b. Parameters: weight [out, in], bias [out]. Unlike torch::nn::Linear, it draws no random
/// numbers when it is built, and it can compute in another type than that of its parameters.
class Linear : public torch::nn::Module {
 public:
  enum class Start { lecun, zero };

  Linear(int64_t in, int64_t out, bool has_bias = true, Start start = Start::lecun);

  /// x [..., in] in the parameters' dtype -> [..., out] in the same
  torch::Tensor forward(const torch::Tensor& x) const;
  /// x [..., in] of any dtype -> [..., out] in wide(dtype of the parameters), computed in it
  torch::Tensor forward_wide(const torch::Tensor& x) const {
    return forward_in(wide(weight.scalar_type()), x);
  }
  /// The same in another type, which is also the result's.
  torch::Tensor forward_in(at::ScalarType type, const torch::Tensor& x) const;
  void initialise(Initialiser& initialiser) const;

  torch::Tensor weight, bias;

 private:
  Start start_;
};

/// Linear, SiLU, Linear in float32: turns a time embedding or a guidance vector into the time vector.
class MlpEmbedder : public torch::nn::Module {
 public:
  MlpEmbedder(int64_t in, int64_t out);

  /// x [B, in] -> [B, out] float32
  torch::Tensor forward(const torch::Tensor& x) const;
  void initialise(Initialiser& initialiser) const;

 private:
  std::shared_ptr<Linear> in_layer_, out_layer_;
};

}  // namespace fluxsbi::model
