// Finished chunks of draws and densities, kept beside an output until it is written.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/journal.hpp"

namespace fluxsbi::sample {

/// What the evaluations of one chunk gave.
struct Chunk {
  int64_t evaluations = 0;
  std::vector<uint8_t> exhausted;  ///< [items], 1 where a solver ran out of evaluations
  std::vector<std::byte> numbers;  ///< of the chunk's own kind
};

/// Sampling and densities work through the same chunks in the same order every time they are asked the same,
/// and what a chunk gives is a function of the question alone. So a run that was stopped takes its first
/// chunks from here and computes the rest: the result is that of one that never stopped, to the last bit on
/// the same machine with as many threads.
class ChunkJournal {
 public:
  /// Opens `path`, if it is there, for work that `description` tells (lines "key: value"). Nothing is written
  /// in the first seconds, so that short work pays nothing, and then every few seconds. Throws UserError as
  /// io::Journal does, and for a FLUXSBI_KEEP_SECONDS that is no number of seconds.
  ChunkJournal(std::string path, std::string description, bool discard_others);
  ~ChunkJournal();

  /// The next chunk, where it was kept by this key. From the first one that was not, all are computed.
  std::optional<Chunk> take(uint64_t key);
  /// Keeps a chunk that take() did not give.
  void keep(uint64_t key, const Chunk& chunk);
  /// All chunks so far have become part of what `state` describes, and need not be kept: a run that goes on
  /// finds the state, and then the chunks that follow. `flush_rest` makes durable what the state relies on;
  /// it is called before the state is written, which happens now and then.
  void checkpoint(std::string state, std::function<void()> flush_rest);
  /// The state of the last checkpoint that an earlier run wrote; "" where there is none.
  const std::string& state() const { return found_state_; }
  /// Writes what stands in memory alone, and flushes to disk. False where nothing was added to what was
  /// there.
  bool flush();
  /// The output is written.
  void remove();
  const std::string& path() const { return path_; }
  /// Whether the file holds something.
  bool begun() const { return file_ != nullptr; }

 private:
  void open();
  void write_waiting();

  std::string path_, description_;
  bool discard_others_;
  std::unique_ptr<io::Journal> file_;            ///< null: not begun
  std::vector<std::vector<std::byte>> waiting_;  ///< records that are not yet in the file
  std::string found_state_;
  std::optional<std::string> next_state_;  ///< that is to replace what the file holds
  std::function<void()> flush_rest_;
  bool taking_ = false, added_ = false;
  double quiet_seconds_;  ///< between writings; the variable FLUXSBI_KEEP_SECONDS, or 2
  double written_;        ///< steady time of the last writing, or of the beginning
};

/// A key of these numbers: the items of a chunk and what else tells it from others.
uint64_t chunk_key(int64_t kind, std::span<const int64_t> items);

}  // namespace fluxsbi::sample
