// Rows of HDF5 datasets that need not fit into memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "core/file_descriptor.hpp"
#include "io/array.hpp"

namespace fluxsbi::io {

class Isolated;

/// Consecutive rows first, ..., first + count - 1.
struct RowRun {
  int64_t first = 0, count = 0;
};

/// Datasets of one file, whose rows a child process reads as they are wanted (the HDF5 library runs in no
/// other place, io/hdf5.hpp). The child keeps the chunks it has read in a cache of 64 MB a dataset. Reading
/// from several threads is safe, one after the other.
class Hdf5Rows {
 public:
  /// Throws what load_hdf5 throws for a file, a missing key or a dataset of another type.
  Hdf5Rows(const std::string& path, const std::vector<std::string>& keys);
  ~Hdf5Rows();
  Hdf5Rows(const Hdf5Rows&) = delete;
  Hdf5Rows& operator=(const Hdf5Rows&) = delete;

  /// Name, dtype and shape of the datasets, in the order of the keys.
  const std::vector<ArrayInfo>& datasets() const { return datasets_; }

  /// Copies runs of rows of dataset `index` to `out`, one after the other. The dataset must have rank 1 or
  /// more, the runs must lie within it. Ascending runs read each chunk once. Throws UserError for a file that
  /// has become shorter or cannot be read any more.
  void read(size_t index, std::span<const RowRun> runs, std::span<std::byte> out) const;

 private:
  void send(std::span<const std::byte> bytes) const;

  std::string path_;
  uint64_t size_ = 0;
  std::vector<ArrayInfo> datasets_;
  mutable std::mutex guard_;  ///< of the child: one request at a time
  std::unique_ptr<Isolated> child_;
  core::FileDescriptor requests_;  ///< socket to the child, which ends where this closes: before child_ waits
};

}  // namespace fluxsbi::io
