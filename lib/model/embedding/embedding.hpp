// An embedding network turns x (a series, an image, a set or a long vector) into the cond tokens of the main
// network. It is trained with the main network and stored with it.
//
// Letters beside network.hpp's: x [B, M, K] has M raw tokens of K channels; the result [B, T, F] has T tokens
// of F features. All embedding networks compute in float32, whatever the parameters' dtype is: they see raw
// data, whose small differences bfloat16 would blur.
#pragma once

#include <torch/nn/module.h>

#include "model/blocks/initialiser.hpp"

namespace fluxsbi::model {

class Embedding : public torch::nn::Module {
 public:
  /// x [B, M, K] float32, standardised -> [B, T, F] float32
  virtual torch::Tensor forward(const torch::Tensor& x) const = 0;
  virtual void initialise(Initialiser& initialiser) const = 0;
  /// Its parameters stay as they are: they have no gradients, and do not decay.
  virtual bool is_fixed() const { return false; }
};

}  // namespace fluxsbi::model
