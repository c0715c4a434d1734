// Rows of one side of the data, theta or x, wherever they lie.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/array.hpp"
#include "io/hdf5_rows.hpp"

namespace fluxsbi::data {

/// An array [rows, row_size] that is read row by row. Values come as doubles from the file's own type, so
/// that none of their digits is lost before they are standardised. Reading from several threads is safe.
/// Throws UserError for a file that has become shorter or cannot be read any more.
class RowArray {
 public:
  virtual ~RowArray() = default;
  RowArray(const RowArray&) = delete;
  RowArray& operator=(const RowArray&) = delete;

  int64_t rows() const { return rows_; }
  int64_t row_size() const { return row_size_; }
  /// True where float32 holds every value exactly.
  bool is_single() const { return single_; }
  virtual bool in_memory() const = 0;

  /// Rows first, ..., first + count - 1 to `out` [count, row_size].
  virtual void read(int64_t first, int64_t count, std::span<double> out) const = 0;
  /// Rows of ascending numbers, which may repeat, to `out` [rows, row_size].
  virtual void gather(std::span<const int64_t> rows, std::span<double> out) const;

 protected:
  RowArray(int64_t rows, int64_t row_size, bool single) : rows_(rows), row_size_(row_size), single_(single) {}

 private:
  int64_t rows_, row_size_;
  bool single_;
};

using RowArrayPtr = std::shared_ptr<const RowArray>;

/// An array of rank 1 or more that lies in memory.
RowArrayPtr rows_in_memory(io::Array array);
/// `rows` rows that hold nothing.
RowArrayPtr rows_of_nothing(int64_t rows);
/// A .npy file that is read as rows are wanted (io::NpyRows).
RowArrayPtr rows_of_npy(const std::string& path);
/// Dataset `index` of an HDF5 file that is read as rows are wanted.
RowArrayPtr rows_of_hdf5(std::shared_ptr<const io::Hdf5Rows> file, size_t index);
/// The rows of several arrays of one row size, one after the other.
RowArrayPtr joined_rows(std::vector<RowArrayPtr> parts);

}  // namespace fluxsbi::data
