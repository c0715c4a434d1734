// Names for what a network computes on a tile.
#pragma once

#include <cstdint>

#include "core/error.hpp"

namespace fluxsbi::engine::tile {

/// T tokens of F features inside one buffer of a graph. Parts of a buffer are values too, so that joining and
/// parting tokens or features copies nothing.
struct Value {
  int buffer = -1;
  int64_t first_token = 0, T = 0;
  int64_t first_feature = 0, F = 0;

  explicit operator bool() const { return buffer >= 0; }

  Value tokens(int64_t first, int64_t count) const {
    core::require(first >= 0 && first + count <= T, "tile: tokens within the value");
    return {buffer, first_token + first, count, first_feature, F};
  }
  Value features(int64_t first, int64_t count) const {
    core::require(first >= 0 && first + count <= F, "tile: features within the value");
    return {buffer, first_token, T, first_feature + first, count};
  }
};

}  // namespace fluxsbi::engine::tile
