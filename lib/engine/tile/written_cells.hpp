// Which cells of the buffers of a graph something has been written to.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/tile/value.hpp"

namespace fluxsbi::engine::tile {

/// `count` cells of a buffer from `first` on, token by token.
struct Cells {
  int buffer = 0;
  int64_t first = 0, count = 0;
};

class WrittenCells {
 public:
  /// The next buffer, of T tokens of F features; nothing is written to it.
  void add_buffer(int64_t T, int64_t F);

  /// True where some cell of the value was written to.
  bool any(const Value& value) const;
  /// Notes that all cells of the value are written to; returns those that were not before.
  std::vector<Cells> fill(const Value& value);

 private:
  struct Buffer {
    int64_t F;
    std::vector<bool> written;
  };
  std::vector<Buffer> buffers_;
};

}  // namespace fluxsbi::engine::tile
