// Where the values of an array lie in its file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/array.hpp"
#include "io/source.hpp"

namespace fluxsbi::io {

struct ArrayPlace {
  DType dtype;
  std::vector<int64_t> shape;
  uint64_t offset;  ///< of the first value; the others follow
};

/// Of array `key` of a .npz file, or of the one array of a .npy file, whose values stand in the file as they
/// are: little-endian, in C order, not packed. Nothing for other files and for a key that is not there. The
/// checksum of a .npz file is compared, for which its array is read once. Throws UserError for damage.
std::optional<ArrayPlace> find_place(const FileSource& file, const std::string& key);

}  // namespace fluxsbi::io
