// The gradient of a training batch by tiles.
#pragma once

#include "engine/tile_call.hpp"

namespace fluxsbi::engine {

/// Adds scale * d loss / d parameters of a call that wants parameters to `gradient` (flat) and returns the
/// loss. `cond_gradient` [B, M, K] takes that of the cond tokens where the call wants it, else it is
/// undefined.
///
/// The tiles are cut into parts. The tiles of a part are added up one after the other in sums of its own, the
/// parts in their order: whichever thread took which part, the bits are the same.
double add_gradient(const TileCall& call, const LossOfTile& loss_of, const at::Tensor& gradient,
                    const at::Tensor& cond_gradient);

}  // namespace fluxsbi::engine
