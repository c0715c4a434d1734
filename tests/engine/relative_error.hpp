// How far a tensor is from another, in units of the other's length.
#pragma once

#include <ATen/ATen.h>

namespace fluxsbi::test {

inline double relative_error(const at::Tensor& got, const at::Tensor& expected) {
  return ((got - expected).norm() / expected.norm()).item<double>();
}

}  // namespace fluxsbi::test
