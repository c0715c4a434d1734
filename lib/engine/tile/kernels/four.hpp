// Four floats, and blocks of four by four turned over: in every instruction set the same.
//
// Included by the kernels, too, hence the unnamed namespace (simd.hpp says why).
#pragma once

namespace fluxsbi::engine::tile {

namespace {

using Four = float __attribute__((vector_size(16)));

inline Four load_four(const float* from) {
  Four x;
  __builtin_memcpy(&x, from, sizeof x);
  return x;
}
inline void store_four(float* to, Four x) {
  __builtin_memcpy(to, &x, sizeof x);
}

inline void transpose_four(Four& a, Four& b, Four& c, Four& d) {
  const Four ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  const Four ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Four cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  const Four cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  a = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
  b = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
  c = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
  d = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
}

}  // namespace

}  // namespace fluxsbi::engine::tile
