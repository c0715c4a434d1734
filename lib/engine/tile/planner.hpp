// Where buffers are in memory: two that are never needed at the same time may share a place.
#pragma once

#include <cstdint>
#include <vector>

namespace fluxsbi::engine::tile {

/// Steps [first, last] during which a buffer holds something that is still read.
struct Life {
  int first = 0, last = 0;
};

struct Request {
  int64_t size = 0;         ///< numbers; a multiple of 16
  std::vector<Life> lives;  ///< in order, apart from each other; none: no place is needed
};

struct Places {
  std::vector<int64_t> offsets;  ///< of each request; -1 where it has no life
  int64_t size = 0;              ///< of all together
};

/// Places the largest buffers first, each at the first place that fits.
Places place(const std::vector<Request>& requests);

}  // namespace fluxsbi::engine::tile
