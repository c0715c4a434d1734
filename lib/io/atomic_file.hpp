// A file that is written completely or not at all: it is written beside its place, flushed to disk, then
// renamed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fluxsbi::io {

/// Every failure (disk full, no permission, missing folder) is a UserError that names the file and the
/// remedy. The temporary file is then removed, and also if commit() is not reached. A link is followed; a
/// device or pipe (/dev/stdout) is written as it is, without a temporary file.
class AtomicFile {
 public:
  /// Opens PATH.tmp-<pid>-<counter> beside `path`.
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  /// Writes at a position, for headers that are known last. The position must lie within what was written.
  void write_at(uint64_t offset, std::span<const std::byte> bytes);
  uint64_t size() const { return size_; }

  /// Flushes to disk, renames over `path`, flushes the folder.
  void commit();

  /// The temporary file's path, for a library that writes by itself (HDF5) before commit(). Empty for a
  /// device or pipe.
  const std::string& temporary() const { return temporary_; }

 private:
  void put(std::span<const std::byte> bytes);
  void flush();
  void discard();
  [[noreturn]] void close_and_fail(int problem);

  std::string path_, temporary_;
  std::vector<std::byte> buffer_;  ///< small pieces until they are worth a system call
  int descriptor_ = -1;
  uint64_t size_ = 0;
};

/// What stands where `path` is a symbolic link: the file that it points to, which is replaced, while the link
/// stays; else `path`.
std::string link_target(const std::string& path);
/// Flushes the names in the folder of `path` to disk.
void flush_folder_of(const std::string& path);
/// Beyond a limit on file sizes write() fails with EFBIG only where SIGXFSZ, which ends the program, is
/// ignored: from here on it is.
void ignore_file_size_signal();

/// Writes a whole text file atomically.
void write_text(const std::string& path, std::string_view text);

/// Removes the temporary files that killed processes left in a folder. Nobody may be writing there. A folder
/// that is not there, or a file that cannot be removed, is no error.
void remove_leftovers(const std::string& folder);

/// Throws the UserError for a write that failed with this errno: "PATH: cannot be written: No space left on
/// device; free some space, or write to another disk".
[[noreturn]] void fail_to_write(const std::string& path, int error_number);

/// Throws UserError unless `path` does not exist or `force` is set: "... exists; use --force to replace it".
void refuse_existing(const std::string& path, bool force);

/// CRC-32 (zlib) of bytes, continuing from `crc`.
uint32_t crc32(std::span<const std::byte> bytes, uint32_t crc = 0);
/// The CRC-32 of a text of `second_bytes` bytes behind another, from those of the two.
uint32_t crc32_combine(uint32_t first, uint32_t second, uint64_t second_bytes);

}  // namespace fluxsbi::io
