// Rows of a .npy file that need not fit into memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/npy.hpp"

namespace fluxsbi::io {

/// A .npy array of rank 1 or more whose rows are read when they are wanted. They are read by pread, not
/// through a mapping: the system's page cache serves both alike, but a file that becomes shorter is then a
/// UserError instead of a SIGBUS, and the pages do not count as this program's memory. Reading from several
/// threads is safe.
class NpyRows {
 public:
  /// Throws UserError for what load_npy refuses, and for big-endian or Fortran-ordered data (save it again
  /// with numpy.save(file, numpy.ascontiguousarray(a, '<f4'))).
  explicit NpyRows(const std::string& path);

  DType dtype() const { return header_.dtype; }
  const std::vector<int64_t>& shape() const { return header_.shape; }
  int64_t rows() const { return header_.shape[0]; }
  size_t row_bytes() const { return row_bytes_; }

  /// Copies rows first, ..., first + count - 1, which must lie within the array, to `out` as they stand in
  /// the file. Throws UserError for a file that has become shorter.
  void read(int64_t first, int64_t count, std::span<std::byte> out) const;

 private:
  FileSource file_;
  NpyHeader header_;
  uint64_t data_offset_ = 0;
  size_t row_bytes_ = 0;
};

}  // namespace fluxsbi::io
