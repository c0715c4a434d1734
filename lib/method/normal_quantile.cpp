#include "method/normal_quantile.hpp"

#include <numbers>

#include <ATen/TensorOperators.h>
#include <ATen/ops/erfinv.h>

namespace fluxsbi::method {

at::Tensor normal_quantile(const at::Tensor& uniform) {
  return at::erfinv(2 * uniform - 1) * std::numbers::sqrt2;
}

}  // namespace fluxsbi::method
