// Rows that lie in tensors on the engine's device.
#pragma once

#include "train/rows.hpp"

namespace fluxsbi::train {

/// theta [n, L, C] and x [n, M, K]; x is undefined for joint models.
std::shared_ptr<Rows> tensor_rows(at::Tensor theta, at::Tensor x);

}  // namespace fluxsbi::train
