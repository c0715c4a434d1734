// Files of arrays larger than memory: .npy, .npz and HDF5 files that are written while their values come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/array.hpp"
#include "io/hdf5.hpp"
#include "io/partial_file.hpp"

namespace fluxsbi::io {

/// Arrays whose types and shapes are known from the start, each of which is written from its first value to
/// its last, in step with the others or not. Each array has its place from the start, so that nothing is
/// moved or kept in memory; what a zip archive says last (checksums, its directory) is written by finish().
/// The bytes are those of save_npy and save_npz; HDF5 datasets are contiguous.
class ArrayStream {
 public:
  /// What of an array has been written.
  struct Progress {
    uint64_t bytes = 0;
    uint32_t crc = 0;  ///< CRC-32 of them
  };

  /// Writes to `file`, which must outlive it, in the format of the extension of its output. `arrays` stand in
  /// the file in this order; .npy holds one. `axes`: names of HDF5's dimensions (save_hdf5). `progress`: what
  /// progress() said of this file in an earlier run, to go on from there; empty: the file begins anew. Throws
  /// UserError where the file is shorter than that.
  ArrayStream(PartialFile& file, std::vector<ArrayInfo> arrays, const AxisNames& axes,
              std::vector<Progress> progress = {});

  /// The next values of array number `array`, little-endian, row-major.
  void append(size_t array, std::span<const std::byte> values);
  /// Gives the space back that a failed append() may have taken behind the values.
  void drop_rest();
  /// Bytes of an array that were appended, from `offset` on.
  void read(size_t array, uint64_t offset, std::span<std::byte> out) const;

  const std::vector<ArrayInfo>& arrays() const { return arrays_; }
  const std::vector<Progress>& progress() const { return progress_; }
  /// Bytes that the whole file takes, but for what stands between and behind the arrays.
  static double bytes_of(const std::vector<ArrayInfo>& arrays);

  /// All arrays must be whole. Writes what is known last.
  void finish();

 private:
  enum class Format { npy, npz, hdf5 };
  void place_plain();
  void finish_npz();
  std::string npz_head(size_t array, uint64_t offset, uint32_t crc) const;

  PartialFile& file_;
  std::vector<ArrayInfo> arrays_;
  Format format_;
  std::vector<Progress> progress_;
  std::vector<uint64_t> sizes_, places_;  ///< of the arrays' bytes
  uint64_t end_ = 0;                      ///< of the last array; .npy and .npz
};

}  // namespace fluxsbi::io
