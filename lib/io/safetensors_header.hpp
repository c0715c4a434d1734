// The JSON header of a safetensors file. Used only within lib/io.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "io/array.hpp"
#include "io/source.hpp"

namespace fluxsbi::io {

struct TensorPlace {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;  ///< bytes within the data area
};

struct SafetensorsHeader {
  std::vector<TensorPlace> tensors;
  std::map<std::string, std::string> metadata;
};

/// "F32", "BOOL", ...
const char* safetensors_code(DType dtype);

/// Parses the JSON text strictly: an object of tensors with exactly dtype, shape and data_offsets, and at
/// most one __metadata__ of texts; no name twice. `source` names the file in messages. Does not check the
/// offsets.
SafetensorsHeader parse_safetensors_header(const std::string& text, const Source& source);

/// The JSON text, padded by blanks to a multiple of 8 bytes so that the data are aligned.
std::string safetensors_header(const SafetensorsHeader& header);

}  // namespace fluxsbi::io
