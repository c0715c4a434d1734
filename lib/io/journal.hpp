// A file that only grows, record by record: what long work has finished, beside the output that it is to
// become.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/file_descriptor.hpp"

namespace fluxsbi::io {

/// "draws is 300 there and 200 here; ..." for the lines "key: value" in which two descriptions of work
/// differ; "" where they are equal.
std::string description_differences(const std::string& there, const std::string& here);

/// Each record has a CRC-32; a kill at any moment loses at most the record that was being written. The file
/// is locked while open, so that no second process writes it.
class Journal {
 public:
  /// What a journal is for: the first eight bytes of its file, and words of messages.
  struct Kind {
    std::string mark;     ///< eight bytes
    std::string content;  ///< "simulations"
    std::string command;  ///< "simulate"
  };

  /// Opens or creates `path` for the work that `description` tells: one line, or lines "key: value". Throws
  /// UserError: in use by another process, of another description (names the lines that differ; with
  /// `discard_others` it begins anew), of a newer version, disk or permission trouble.
  Journal(std::string path, const Kind& kind, const std::string& description, bool discard_others);
  /// Closes; a journal without records is removed.
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// The next whole record, from the first one on; nothing behind the last.
  std::optional<std::vector<std::byte>> next();
  /// The record that next() gave last counts as not read.
  void unread() { place_ = previous_; }
  /// Drops what follows the records that next() gave.
  void cut();
  /// next() begins with the first record again.
  void rewind() { place_ = begin_; }
  /// True behind the last record.
  bool at_end() const { return place_ >= end_; }

  /// Adds a record behind the last that next() gave or that was added, and drops what followed. Every few
  /// seconds what was added is flushed to disk. Throws UserError: disk full, where the file is then cut back
  /// to its last whole record; or its folder was removed.
  void append(std::span<const std::byte> record);
  /// Puts one record in the place of all there are; a kill at any moment leaves those or this. Throws
  /// UserError (disk full); those then stay.
  void replace(std::span<const std::byte> record);
  /// Flushes to disk.
  void sync();
  /// Deletes the file: its content has been written elsewhere, or is not needed.
  void remove();
  const std::string& path() const { return path_; }

 private:
  void write_header(const std::string& description);
  void open_existing(const std::string& description, bool discard_others);
  [[noreturn]] void refuse(const std::string& stored, const std::string& description) const;
  [[noreturn]] void fail(const std::string& what) const;
  [[noreturn]] void fail_to_grow(int problem) const;
  void refuse_lost_folder() const;

  std::string path_;
  Kind kind_;
  core::FileDescriptor descriptor_;
  std::vector<std::byte> header_;
  uint64_t begin_ = 0;     ///< of the first record
  uint64_t place_ = 0;     ///< where next() reads and append() writes
  uint64_t previous_ = 0;  ///< place_ before the last next()
  uint64_t end_ = 0;       ///< of the file
  double synced_ = 0;      ///< steady time of the last flush
  bool removed_ = false;
};

}  // namespace fluxsbi::io
