// Normal random numbers from uniform ones: a batch's uniform number becomes the time or noise level of its
// row.
#pragma once

#include <ATen/core/Tensor.h>

namespace fluxsbi::method {

/// Standard normal quantile of uniform numbers in (0, 1), element by element.
at::Tensor normal_quantile(const at::Tensor& uniform);

}  // namespace fluxsbi::method
