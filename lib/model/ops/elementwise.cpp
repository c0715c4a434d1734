#include "model/ops/elementwise.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/native_layer_norm.h>

namespace fluxsbi::model::ops {

at::Tensor modulated_norm(const at::Tensor& x, const at::Tensor& shift, const at::Tensor& scale) {
  const at::Tensor normed =
      std::get<0>(at::native_layer_norm(x.to(shift.scalar_type()), {x.size(-1)}, {}, {}, norm_eps));
  return at::addcmul(shift, normed, scale + 1);
}

at::Tensor gated_residual(const at::Tensor& x, const at::Tensor& gate, const at::Tensor& y) {
  return at::addcmul(x, gate, y);
}

at::Tensor gelu(const at::Tensor& x) {
  return at::gelu(x, "tanh");
}

}  // namespace fluxsbi::model::ops
