// OUT.partial: the finished simulations, in the order in which they finished.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "io/journal.hpp"

namespace fluxsbi::data {

/// Consecutive rows of simulations. x is empty where all rows failed before x's length was known.
struct JournalRecord {
  int64_t first_row = 0;
  int64_t theta_dim = 0;
  int64_t x_dim = 0;
  std::vector<double> theta;    ///< [rows, theta_dim]
  std::vector<double> x;        ///< [rows, x_dim]
  std::vector<uint8_t> failed;  ///< [rows]
};

/// An io::Journal whose records are simulations.
class Journal {
 public:
  using Visit = std::function<void(const JournalRecord&)>;

  /// Opens or creates `path` for the simulations that `description` (one line) tells, hands every whole
  /// record to `visit`, and cuts off what follows the last one. Throws UserError as io::Journal does.
  Journal(std::string path, const std::string& description, bool discard_others, const Visit& visit);

  /// Adds a record; every few seconds what was added is flushed to disk. Throws UserError (disk full).
  void append(const JournalRecord& record);
  void sync() { file_.sync(); }
  /// Hands every record to `visit` again.
  void replay(const Visit& visit);
  /// Deletes the file: its content has been written elsewhere, or is not needed.
  void remove() { file_.remove(); }

 private:
  io::Journal file_;
};

}  // namespace fluxsbi::data
