// Which element types are integers, and their C++ types.
#pragma once

#include <cstdint>

#include "core/error.hpp"
#include "io/array.hpp"

namespace fluxsbi::io {

inline bool is_float(DType dtype) {
  return dtype == DType::f16 || dtype == DType::f32 || dtype == DType::f64;
}

/// Calls f with a value of the C++ type of `dtype`, which is an integer's, and returns what it returns.
template <class F>
auto with_integer(DType dtype, F f) {
  switch (dtype) {
    case DType::i8:
      return f(int8_t{});
    case DType::i16:
      return f(int16_t{});
    case DType::i32:
      return f(int32_t{});
    case DType::i64:
      return f(int64_t{});
    case DType::u8:
      return f(uint8_t{});
    case DType::u16:
      return f(uint16_t{});
    case DType::u32:
      return f(uint32_t{});
    case DType::u64:
      return f(uint64_t{});
    default:
      throw core::InternalError("not the type of an integer");
  }
}

}  // namespace fluxsbi::io
