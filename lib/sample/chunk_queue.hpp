// Chunks that several devices compute side by side and that come out in the order in which they were asked
// for, so that whoever takes them does not see how many devices there are.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <c10/core/Device.h>

#include "sample/chunk_journal.hpp"

namespace fluxsbi::sample {

/// With one device there is no thread: take() computes. With several, each has a thread, which takes the next
/// chunk when it has finished one.
class ChunkQueue {
 public:
  /// Computes a chunk on the device of this number, which is the current one then. Gradients are not
  /// recorded.
  using Piece = std::function<Chunk(size_t device)>;

  explicit ChunkQueue(std::vector<at::Device> devices);
  ~ChunkQueue();
  ChunkQueue(const ChunkQueue&) = delete;
  ChunkQueue& operator=(const ChunkQueue&) = delete;

  /// Another chunk, behind those that wait; what the piece refers to lives until it is taken or dropped.
  void ask(Piece piece);
  /// The same of a chunk that is known already.
  void put(Chunk chunk);
  /// The first of those that wait. Throws what its piece has thrown.
  Chunk take();
  /// Those that were not taken, and how many keep all devices busy while one is being looked at.
  size_t waiting() const { return order_.size(); }
  bool full() const { return waiting() >= most_waiting_; }
  /// Forgets all that wait. Returns when no piece is at work, so that what they refer to may go.
  void drop();

 private:
  struct Entry {
    Piece piece;
    std::optional<Chunk> chunk;
    std::exception_ptr problem;
    bool done() const { return chunk || problem; }
  };

  void work(size_t device);

  const std::vector<at::Device> devices_;
  const size_t most_waiting_;
  std::deque<std::shared_ptr<Entry>> order_;  // not taken, of the calling thread alone
  std::mutex mutex_;                          // of what follows, and of the entries
  std::condition_variable asked_, finished_;
  std::deque<std::shared_ptr<Entry>> to_do_;
  size_t at_work_ = 0;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

/// Drops what waits at the end of a scope, however that is left.
class DropAtEnd {
 public:
  explicit DropAtEnd(ChunkQueue& queue) : queue_(queue) {}
  ~DropAtEnd() { queue_.drop(); }
  DropAtEnd(const DropAtEnd&) = delete;
  DropAtEnd& operator=(const DropAtEnd&) = delete;

 private:
  ChunkQueue& queue_;
};

}  // namespace fluxsbi::sample
