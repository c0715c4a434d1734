#include "io/array.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/integer_types.hpp"

namespace fluxsbi::io {

static_assert(std::endian::native == std::endian::little, "arrays are kept little-endian");

namespace {

// IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits.
struct Half {
  uint16_t bits;
  operator float() const {
    const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
    const uint32_t exponent = (bits >> 10) & 0x1fu, fraction = bits & 0x3ffu;
    if (exponent == 0) {  // zero or subnormal: fraction * 2^-24
      const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
      return sign ? -magnitude : magnitude;
    }
    const uint32_t wide = exponent == 31 ? 255u : exponent + 112;  // infinity and NaN, else rebias 15 to 127
    return std::bit_cast<float>(sign | (wide << 23) | (fraction << 13));
  }
};

// bfloat16: the upper half of a float.
struct Bfloat16 {
  uint16_t bits;
  operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};

struct Boolean {
  uint8_t bits;
  operator int() const { return bits != 0; }
};

// Calls f with a value of the C++ type of `dtype`.
template <class F>
auto with_type(DType dtype, F f) {
  switch (dtype) {
    case DType::f16:
      return f(Half{});
    case DType::bf16:
      return f(Bfloat16{});
    case DType::f32:
      return f(float{});
    case DType::f64:
      return f(double{});
    case DType::boolean:
      return f(Boolean{});
    default:
      return with_integer(dtype, f);
  }
}

template <class In>
In element(const Array& array, size_t index) {
  In value;
  std::memcpy(&value, array.bytes.data() + index * sizeof(In), sizeof(In));
  return value;
}

template <class Out>
std::vector<Out> convert(const Array& array) {
  std::vector<Out> out(array.bytes.size() / size_of(array.dtype));
  with_type(array.dtype, [&](auto sample) {
    using In = decltype(sample);
    if constexpr (std::is_same_v<In, Out>) {
      if (!out.empty()) std::memcpy(out.data(), array.bytes.data(), out.size() * sizeof(Out));
    } else {
      for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<Out>(element<In>(array, i));
    }
  });
  return out;
}

template <class In>
int64_t whole_number(In value) {
  if constexpr (std::is_integral_v<In>) {
    if (!std::in_range<int64_t>(value))
      throw core::UserError("the value " + std::to_string(value) + " is beyond 64-bit whole numbers");
    return static_cast<int64_t>(value);
  } else if constexpr (std::is_same_v<In, Boolean>) {
    return value;
  } else {
    const double number = value;
    if (!(std::abs(number) < 0x1p63) || number != std::floor(number))
      throw core::UserError("the value " + core::number_text(number) + " is not a whole number");
    return static_cast<int64_t>(number);
  }
}

template <class T>
Array array_of(DType dtype, std::span<const T> values, std::vector<int64_t> shape) {
  const auto wanted = checked_bytes(shape, dtype);
  core::require(wanted == values.size_bytes(), "Array::from: the values do not fill the shape");
  Array array{dtype, std::move(shape), std::vector<std::byte>(values.size_bytes())};
  if (!values.empty()) std::memcpy(array.bytes.data(), values.data(), values.size_bytes());
  return array;
}

}  // namespace

size_t size_of(DType dtype) {
  return with_type(dtype, [](auto sample) { return sizeof(sample); });
}

const char* name_of(DType dtype) {
  constexpr const char* names[] = {"float16", "bfloat16", "float32", "float64", "int8",   "int16", "int32",
                                   "int64",   "uint8",    "uint16",  "uint32",  "uint64", "bool"};
  return names[static_cast<int>(dtype)];
}

std::optional<uint64_t> checked_bytes(const std::vector<int64_t>& shape, DType dtype) {
  constexpr size_t most_axes = 64;  // numpy 2's limit
  if (shape.size() > most_axes) return {};
  auto bytes = static_cast<int64_t>(size_of(dtype));
  bool empty = false;
  for (const int64_t n : shape) {
    if (n < 0) return {};
    if (n == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(bytes, n, &bytes)) {
      return {};
    }
  }
  return empty ? 0 : static_cast<uint64_t>(bytes);
}

void to_double(DType dtype, std::span<const std::byte> bytes, std::span<double> out) {
  with_type(dtype, [&](auto sample) {
    using In = decltype(sample);
    core::require(bytes.size() == out.size() * sizeof(In), "to_double: as many bytes as elements");
    for (size_t i = 0; i < out.size(); ++i) {
      std::memcpy(&sample, bytes.data() + i * sizeof(In), sizeof(In));
      out[i] = static_cast<double>(sample);
    }
  });
}

int64_t Array::elements() const {
  int64_t count = 1;
  for (const int64_t n : shape) count *= n;
  return count;
}

std::vector<float> Array::to_float() const {
  return convert<float>(*this);
}

std::vector<double> Array::to_double() const {
  return convert<double>(*this);
}

std::vector<int64_t> Array::to_int64() const {
  std::vector<int64_t> out(bytes.size() / size_of(dtype));
  with_type(dtype, [&](auto sample) {
    for (size_t i = 0; i < out.size(); ++i) out[i] = whole_number(element<decltype(sample)>(*this, i));
  });
  return out;
}

Array Array::from(std::span<const float> values, std::vector<int64_t> shape) {
  return array_of(DType::f32, values, std::move(shape));
}

Array Array::from(std::span<const double> values, std::vector<int64_t> shape) {
  return array_of(DType::f64, values, std::move(shape));
}

Array Array::from(std::span<const int64_t> values, std::vector<int64_t> shape) {
  return array_of(DType::i64, values, std::move(shape));
}

Array Array::from_bool(std::span<const uint8_t> values, std::vector<int64_t> shape) {
  Array array = array_of(DType::boolean, values, std::move(shape));
  for (auto& byte : array.bytes) byte = std::byte{byte != std::byte{0}};
  return array;
}

}  // namespace fluxsbi::io
