// OUT.partial: the finished simulations, in the order in which they finished.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/file_descriptor.hpp"

namespace fluxsbi::data {

/// Consecutive rows of simulations. x is empty where all rows failed before x's length was known.
struct JournalRecord {
  int64_t first_row = 0;
  int64_t theta_dim = 0;
  int64_t x_dim = 0;
  std::vector<float> theta;     ///< [rows, theta_dim]
  std::vector<float> x;         ///< [rows, x_dim]
  std::vector<uint8_t> failed;  ///< [rows]
};

/// A file that only grows, record by record, each with a CRC-32; a kill at any moment loses at most the
/// record that was being written. It is locked while open, so that no second process writes it.
class Journal {
 public:
  using Visit = std::function<void(const JournalRecord&)>;

  /// Opens or creates `path` for the simulations that `description` (one line) tells, hands every whole
  /// record to `visit`, and cuts off what follows the last one. Throws UserError: in use by another process,
  /// of another description (unless `discard_others`, which then begins anew), of a newer version, disk or
  /// permission trouble.
  Journal(std::string path, const std::string& description, bool discard_others, const Visit& visit);
  /// Closes; a journal without records is removed.
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Adds a record; every few seconds what was added is flushed to disk. Throws UserError (disk full); the
  /// file is then cut back to its last whole record.
  void append(const JournalRecord& record);
  /// Flushes to disk.
  void sync();
  /// Hands every record to `visit` again.
  void replay(const Visit& visit);
  /// Deletes the file: its content has been written elsewhere, or is not needed.
  void remove();

 private:
  void write_header(const std::string& description);
  void open_existing(const std::string& description, bool discard_others, uint64_t size);
  [[noreturn]] void fail(const std::string& what) const;

  std::string path_;
  core::FileDescriptor descriptor_;
  uint64_t begin_ = 0;  ///< of the first record
  uint64_t end_ = 0;    ///< of the last whole record
  double synced_ = 0;   ///< steady time of the last flush
  bool removed_ = false;
};

}  // namespace fluxsbi::data
