// Memory of the tile engine.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace fluxsbi::engine::tile {

/// Gives memory that begins on a cache line, as kernels ask for.
template <class Number>
struct OnCacheLine {
  using value_type = Number;
  static constexpr std::align_val_t line{64};

  OnCacheLine() = default;
  template <class Other>
  OnCacheLine(const OnCacheLine<Other>&) {}  // NOLINT: an allocator is made of any other of its kind

  Number* allocate(size_t count) {
    return static_cast<Number*>(::operator new(count * sizeof(Number), line));
  }
  void deallocate(Number* numbers, size_t) { ::operator delete(numbers, line); }
  bool operator==(const OnCacheLine&) const = default;
};

using Numbers = std::vector<float, OnCacheLine<float>>;

}  // namespace fluxsbi::engine::tile
