// Flux1's own numbering of its tokens for RoPE.
#pragma once

#include <ATen/core/Tensor.h>

#include "model/flux1/flux1.hpp"

namespace fluxsbi::model {

/// The default ids of one stream [tokens, 1, A] (int64, CPU), A = shape.id_axes.size() >= 1.
///   sequence, one axis: obs 0 .. L-1, cond L .. L+M-1; more axes: (position, stream, 0, ...)
///   rope1d: (position, stream); rope2d: (stream, row, column); other strategies: zeros, nothing is rotated
at::Tensor default_rope_ids(const Flux1Shape& shape, StreamRole role);

}  // namespace fluxsbi::model
