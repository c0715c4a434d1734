// One HDF5 file as the child process of io/isolated.hpp sees it. Inside lib/io alone.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/hdf5_decoding.hpp"
#include "io/hdf5_library.hpp"

namespace fluxsbi::io::h5 {

inline constexpr const char* link_problem =
    "is a soft or external link, which is not followed; store the dataset itself under this name";

struct Dataset {
  std::string name;
  Handle id;
  std::optional<DType> dtype;  ///< of the values that are read; none: `problem` says why
  std::vector<int64_t> shape;
  std::string problem;
  std::optional<Decoding> decoding;  ///< of numbers
};

/// Takes values of a dataset, which follow each other in whole rows.
using Pieces = std::function<void(std::span<const std::byte> values)>;

class File {
 public:
  /// `size`: bytes of the file, which bound what its datasets can hold. Throws UserError unless `id` is
  /// valid.
  File(Handle id, std::string name, uint64_t size);

  /// Paths of all datasets, each object under every hard link to it, without netCDF dimensions that hold no
  /// values.
  std::vector<std::string> datasets() const;
  /// Paths of soft and external links, which are not followed.
  std::vector<std::string> links() const;
  /// Throws UserError for a key that is not among datasets(), naming those there are.
  void require(const std::vector<std::string>& keys) const;

  /// A dataset whose chunks are cached in up to `cache_bytes` (0: the library's default).
  Dataset open(const std::string& name, size_t cache_bytes = 0);
  /// open() for a dataset of numbers or booleans: throws UserError with its problem for another.
  Dataset open_numbers(const std::string& name, size_t cache_bytes = 0);

  /// Reads `count` rows from `first` of a dataset of rank 1 or more; `values` has their size. Numbers are
  /// decoded; the missing ones among them are counted.
  uint64_t read_rows(const Dataset& dataset, uint64_t first, uint64_t count,
                     std::span<std::byte> values) const;
  /// Reads all values in pieces of 64 MB, and counts the missing ones.
  uint64_t read_pieces(const Dataset& dataset, const Pieces& take) const;

 private:
  [[noreturn]] void fail(const std::string& what) const;
  [[noreturn]] void fail_dataset(const std::string& name) const;
  std::vector<std::string> names(bool hard) const;
  static void read_type(Dataset& dataset);
  void read_shape(Dataset& dataset);
  static void refuse_other_files(Dataset& dataset);
  static void decode_numbers(Dataset& dataset);
  uint64_t read(const Dataset& dataset, hid_t memory, hid_t space, std::span<std::byte> values) const;

  Handle id_;
  std::string name_;
  uint64_t size_;
  uint64_t total_ = 0;  ///< bytes of all datasets so far
};

/// Opens a file for reading, or its bytes where `image` has them.
Handle open_file(const std::string& name, const std::optional<std::span<const std::byte>>& image);

}  // namespace fluxsbi::io::h5
