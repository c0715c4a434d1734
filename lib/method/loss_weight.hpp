// How much each element of a batch counts in a method's loss.
#pragma once

#include <ATen/core/Tensor.h>

namespace fluxsbi::method {

/// The mean over rows of the mean over that row's unconditioned elements, as weights: 1 / (B unconditioned
/// elements of the row) where an element is learnt, 0 where it is given. Every row that has something to
/// learn has the same weight, however much of it is given. obs [B, L, C]; condition_mask [B or 1, L, 1] bool
/// or undefined -> [1, 1, 1] without a mask, else [B or 1, L, 1].
at::Tensor loss_weight(const at::Tensor& obs, const at::Tensor& condition_mask);

}  // namespace fluxsbi::method
