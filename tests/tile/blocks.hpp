// Owned blocks of a tile for tests.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <random>

#include "engine/tile/kernels.hpp"

namespace fluxsbi::engine::tile {

/// Random cells [T, F] on 64 bytes. gap: cells between one token's last and the next one's first. The memory
/// ends with the last cell, so that the sanitizer sees a step beyond it.
struct OwnedBlock {
  OwnedBlock(int64_t T, int64_t F, int64_t gap, std::mt19937& random)
      : T(T), F(F), token((F + gap) * lanes), size((T - 1) * token + F * lanes), memory(allocate(size)) {
    std::normal_distribution<float> normal;
    for (int64_t i = 0; i < size; ++i) memory[i] = normal(random);
  }

  In in() const { return {memory.get(), T, F, token}; }
  Out out() { return {memory.get(), T, F, token}; }
  double at(int64_t t, int64_t f, int64_t s) const { return memory[t * token + f * lanes + s]; }

  int64_t T, F, token, size;
  struct Free {
    void operator()(float* data) const { operator delete[](data, std::align_val_t{64}); }
  };
  std::unique_ptr<float[], Free> memory;

 private:
  static float* allocate(int64_t size) {
    return static_cast<float*>(operator new[](size * sizeof(float), std::align_val_t{64}));
  }
};

}  // namespace fluxsbi::engine::tile
