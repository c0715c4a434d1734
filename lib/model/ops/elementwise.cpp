#include "model/ops/elementwise.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/native_layer_norm.h>

#include "model/ops/device_ops.hpp"

namespace fluxsbi::model::ops {

at::Tensor modulated_norm(const at::Tensor& x, const at::Tensor& shift, const at::Tensor& scale,
                          at::ScalarType type) {
  if (const DeviceOps* own = device_ops()) {
    if (at::Tensor y = own->modulated_norm(x, shift, scale, type); y.defined()) return y;
  }
  const at::ScalarType wide = at::promote_types(shift.scalar_type(), at::kFloat);
  const at::Tensor normed = std::get<0>(at::native_layer_norm(x.to(wide), {x.size(-1)}, {}, {}, norm_eps));
  return at::addcmul(shift.to(wide), normed, scale.to(wide) + 1).to(type);
}

at::Tensor gated_residual(const at::Tensor& x, const at::Tensor& gate, const at::Tensor& y) {
  if (const DeviceOps* own = device_ops()) {
    if (at::Tensor out = own->gated_residual(x, gate, y); out.defined()) return out;
  }
  return at::addcmul(x, gate, y);
}

at::Tensor gelu(const at::Tensor& x) {
  if (const DeviceOps* own = device_ops()) {
    if (at::Tensor y = own->gelu(x); y.defined()) return y;
  }
  return at::gelu(x, "tanh");
}

}  // namespace fluxsbi::model::ops
