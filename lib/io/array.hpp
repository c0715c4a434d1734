// An array in memory without LibTorch: what files hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace fluxsbi::io {

enum class DType { f16, bf16, f32, f64, i8, i16, i32, i64, u8, u16, u32, u64, boolean };

/// Bytes of one element.
size_t size_of(DType dtype);
/// "float32", "int64", ...
const char* name_of(DType dtype);

/// Elements of `dtype` as doubles (booleans as 0 and 1): out.size() of them, little-endian.
void to_double(DType dtype, std::span<const std::byte> bytes, std::span<double> out);

/// Bytes of an array, or nothing where `shape` has more than 64 axes, a negative entry, or entries other than
/// 0 whose product overflows: no product of a part of such a shape can overflow either.
std::optional<uint64_t> checked_bytes(const std::vector<int64_t>& shape, DType dtype);

/// Row-major, little-endian. bytes.size() == product(shape) * size_of(dtype). An empty shape is a scalar.
struct Array {
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  std::vector<std::byte> bytes;

  int64_t elements() const;
  /// Every element as float (booleans as 0 and 1). Values beyond float32's range become infinite.
  std::vector<float> to_float() const;
  std::vector<double> to_double() const;
  /// Throws UserError for a value that is no whole number or lies beyond int64.
  std::vector<int64_t> to_int64() const;

  /// values.size() must be the product of `shape`.
  static Array from(std::span<const float> values, std::vector<int64_t> shape);
  static Array from(std::span<const double> values, std::vector<int64_t> shape);
  static Array from(std::span<const int64_t> values, std::vector<int64_t> shape);
  static Array from_bool(std::span<const uint8_t> values, std::vector<int64_t> shape);
};

/// What a file says of an array without its data.
struct ArrayInfo {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;
  std::string problem = {};  ///< why it cannot be read, "holds text (...)"; dtype and shape are then void
};

/// Arrays by name, sorted.
using Arrays = std::map<std::string, Array>;

}  // namespace fluxsbi::io
