// NumPy's .npy: one array. Versions 1.0, 2.0 and 3.0 are read, both byte orders, C and Fortran order.
// Format: numpy.lib.format (NEP 1).
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "core/error.hpp"
#include "io/array.hpp"
#include "io/source.hpp"

namespace fluxsbi::io {

/// An array that is well-formed, but of a dtype that fluxsbi does not know.
class UnsupportedDType : public core::UserError {
 public:
  using core::UserError::UserError;
};

struct NpyHeader {
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  bool big_endian = false;
  bool fortran_order = false;  ///< the first axis runs fastest
  uint64_t data_bytes = 0;
};

/// Reads the header; the stream then stands at the data. Throws UserError for what is no .npy header, for a
/// shape whose size overflows, and UnsupportedDType for structures, objects, text, times and complex numbers.
NpyHeader read_npy_header(Stream& in);

/// Reads header and data, which must fill the stream. The array comes out little-endian, in C order.
Array read_npy(Stream& in);

Array load_npy(const std::string& path);
/// The same for a file's bytes; `name` stands for the path in messages.
Array parse_npy(std::span<const std::byte> bytes, const std::string& name);

/// The header that numpy would write before the array's bytes: version 1.0, little-endian, C order, padded to
/// a multiple of 64 bytes. bfloat16, which numpy does not know, is an InternalError: widen it first.
std::string npy_header(const Array& array);
std::string npy_header(DType dtype, const std::vector<int64_t>& shape);

/// Writes atomically; bfloat16 as float32.
void save_npy(const std::string& path, const Array& array);

/// The same values as float32: for formats that do not know bfloat16.
Array as_float32(const Array& array);

}  // namespace fluxsbi::io
