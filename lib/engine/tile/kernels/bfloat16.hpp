// float32 numbers rounded to bfloat16: to the nearest, ties to even, as processors round them. Of a NaN a NaN
// is left.
//
// Included by the kernels, too, hence the unnamed namespace (simd.hpp says why).
#pragma once

#include <cstdint>

namespace fluxsbi::engine::tile {

namespace {

/// The upper 16 bits of the rounded number.
[[maybe_unused]] inline uint16_t bfloat16_bits(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  if ((bits & 0x7fffffffU) > 0x7f800000U) return static_cast<uint16_t>(bits >> 16 | 0x40U);
  return static_cast<uint16_t>((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16);
}

[[maybe_unused]] inline float bfloat16_number(uint16_t upper) {
  const uint32_t bits = uint32_t{upper} << 16;
  float x;
  __builtin_memcpy(&x, &bits, sizeof x);
  return x;
}

[[maybe_unused]] inline float to_bfloat16(float x) {
  return bfloat16_number(bfloat16_bits(x));
}

}  // namespace

}  // namespace fluxsbi::engine::tile
