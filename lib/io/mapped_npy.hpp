// Rows of a .npy file that need not fit into memory.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/array.hpp"

namespace fluxsbi::io {

/// A read-only mapping of a float32 or float64 .npy array of rank 1 or more. The system loads pages when they
/// are read and drops them when memory is short. The file must not be made shorter meanwhile: as with any
/// mapping, that ends the program. Reading from several threads is safe.
class MappedNpy {
 public:
  /// Throws UserError for what load_npy refuses, for another dtype, and for big-endian or Fortran-ordered
  /// data (save it again with numpy.save(file, numpy.ascontiguousarray(a, '<f4'))).
  explicit MappedNpy(const std::string& path);
  ~MappedNpy();
  MappedNpy(MappedNpy&& other) noexcept;
  MappedNpy& operator=(MappedNpy&& other) noexcept;

  DType dtype() const { return dtype_; }
  const std::vector<int64_t>& shape() const { return shape_; }
  int64_t rows() const { return shape_[0]; }
  int64_t row_size() const { return row_size_; }  ///< numbers in one row: product(shape[1:])

  /// Copies rows first, ..., first + count - 1 to `out` [count, row_size]; they must lie within the array.
  void read_rows(int64_t first, int64_t count, std::span<float> out) const;
  /// Copies the rows of `indices`, in their order, to `out` [indices, row_size].
  void gather(std::span<const int64_t> indices, std::span<float> out) const;

 private:
  void release();

  DType dtype_ = DType::f32;
  std::vector<int64_t> shape_;
  int64_t row_size_ = 0;
  void* mapping_ = nullptr;
  uint64_t mapped_bytes_ = 0;
  const std::byte* data_ = nullptr;
};

}  // namespace fluxsbi::io
