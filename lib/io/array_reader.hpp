// The arrays of a .npz or HDF5 file, read from their first value to their last without holding them.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/array.hpp"

namespace fluxsbi::io {

/// One file, whose arrays are read in pieces, each on its own. For what fluxsbi writes and equals: arrays of
/// rank 1 or more, little-endian, in C order.
class ArrayReader {
 public:
  /// Throws UserError for a path that cannot be read, for another extension, and for damage.
  explicit ArrayReader(const std::string& path);
  ~ArrayReader();
  ArrayReader(ArrayReader&&) noexcept;

  /// Type and shape of all arrays that can be read.
  const std::vector<ArrayInfo>& arrays() const;
  /// Null: there is none of this name.
  const ArrayInfo* find(const std::string& name) const;

  /// Fills `out` with the next values of an array: whole rows of its first axis. At the array's end its
  /// checksum is compared, where the format has one. Throws UserError for damage.
  void read(const std::string& name, std::span<std::byte> out);
  /// All of an array that is small.
  std::vector<std::byte> read_all(const std::string& name);

 private:
  struct Format;
  struct Npz;
  struct Hdf5;
  std::unique_ptr<Format> format_;
};

}  // namespace fluxsbi::io
