// When buffers hold something that is still read, and where they lie in memory: two that are never needed at
// the same time may share a place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fluxsbi::engine::tile {

/// Steps [first, last] during which a buffer holds something that is still read.
struct Life {
  int first = 0, last = 0;
};

/// What a step of a program reads and writes: numbers of buffers.
struct Access {
  std::vector<size_t> reads, writes;
  /// Buffers whose lives are over before this step: what is written to them from here on begins a new life.
  std::vector<size_t> renewed = {};
};

/// The lives of `count` buffers while the steps run in their order. Several writes of one life fill a buffer
/// part by part. A buffer that `stays` has one life from before the first step to after the last.
std::vector<std::vector<Life>> lives_of(const std::vector<Access>& steps, size_t count,
                                        const std::vector<size_t>& stays);

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
