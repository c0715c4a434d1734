// An output that grows over several runs of a command, beside the place that it gets when it is whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "core/file_descriptor.hpp"

namespace fluxsbi::io {

/// OUTPUT + suffix, beside the file that OUTPUT is or links to, locked while open, so that no second process
/// writes it. Every failure (disk full, no permission) is a UserError that names the file and the remedy.
class PartialFile {
 public:
  /// Opens what an earlier run left, or creates it. Throws UserError where another process writes it:
  /// "... is being written by another fluxsbi sample" (`command`).
  PartialFile(std::string output, const std::string& suffix, const std::string& command);
  /// Removes the file, unless keep() said that another run goes on with it.
  ~PartialFile();
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  uint64_t size() const;
  void cut(uint64_t size);
  void write_at(uint64_t offset, std::span<const std::byte> bytes);
  /// Fills `out`; throws UserError where the file is shorter.
  void read_at(uint64_t offset, std::span<std::byte> out) const;
  /// Gives the space of these bytes back where the file system can; they then read as 0.
  void free_range(uint64_t offset, uint64_t bytes);
  /// Asks the system to begin writing to the disk, without waiting for it.
  void start_sync();
  /// Flushes to disk.
  void sync();
  void keep(bool kept = true) { kept_ = kept; }

  /// Flushes to disk and takes OUTPUT's place, with the permissions of what stood there. Where OUTPUT is a
  /// device or pipe, its bytes are written to that.
  void commit();

  const std::string& path() const { return path_; }      ///< of this file
  const std::string& output() const { return output_; }  ///< of its place, as the user named it

 private:
  [[noreturn]] void fail(int problem) const;
  void copy_to_device() const;

  std::string output_, place_, path_;  ///< place_: output_, with a link followed
  core::FileDescriptor descriptor_;
  bool kept_ = false, placed_ = false;
};

}  // namespace fluxsbi::io
