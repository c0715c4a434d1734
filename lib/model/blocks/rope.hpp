// Rotary position embedding (Su et al. 2021, "RoFormer"), with ids of several axes as in FLUX.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace fluxsbi::model {

/// The rotations of q and k: unit complex numbers [T, B or 1, 2, H, D/2], ready to be multiplied with the
/// pairs (x_2j, x_2j+1). The same for q, k and all heads; repeated so that the product runs over contiguous
/// memory.
///   axis i of width d_i: omega_j = rope_theta^(-2j / d_i), angle = id_i omega_j, j = 0 .. d_i/2 - 1;
/// the axes follow each other along the pairs.
/// ids [T, B or 1, A]; axes_dim holds A even widths, their sum is D. Computed in float64 on ids' device.
at::Tensor rope_table(const at::Tensor& ids, const std::vector<int64_t>& axes_dim, double rope_theta,
                      int64_t heads);

/// Rotates each pair of x [T, B, 2, H, D] float32. An undefined table rotates nothing.
at::Tensor rotate(const at::Tensor& x, const at::Tensor& table);

}  // namespace fluxsbi::model
