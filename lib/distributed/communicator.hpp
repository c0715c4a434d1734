// Several processes that work as one: "ranks", numbered from 0, each with a part of the rows of a training.
//
// All functions but those of queries are collective: every rank calls them in the same order with spans of
// the same sizes, from one thread. A process by itself is rank 0 of 1, and none of them then does anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace fluxsbi::distributed {

/// What carries numbers between ranks (plugin.hpp). Collective as said above.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;  ///< 2 or more
  /// "Open MPI v4.1.4"
  virtual std::string description() const = 0;
  /// Every element becomes its sum over the ranks, added in the order of ranks, so that all ranks hold the
  /// same bits and the bits depend on nothing but the number of ranks. `few` is summed likewise on the same
  /// way; it holds at most some dozen numbers.
  virtual void sum(std::span<float> values, std::span<float> few) = 0;
  /// Rank `root`'s bytes on every rank.
  virtual void broadcast(std::span<std::byte> bytes, int root) = 0;
  /// all [size * mine.size()]: the bytes of all ranks, in their order.
  virtual void gather(std::span<const std::byte> mine, std::span<std::byte> all) = 0;
  virtual void barrier() = 0;
  /// Ends the traffic in order. A transport that is destroyed without it leaves the other ranks alone.
  virtual void finish() = 0;
};

class Watch;

/// The ranks as training sees them.
class Communicator {
 public:
  /// A process by itself.
  Communicator();
  /// Ranks that are threads of one process, which nobody needs to watch.
  explicit Communicator(std::unique_ptr<Transport> transport);
  /// Ranks that are processes. Threads are divided among those of a host that share its cores
  /// (core::limit_threads), and each is watched: when one ends without finish(), or gives no sign of life for
  /// `most_silence` seconds, this process ends with exit code 1 and one sentence (watch.hpp). Ends as
  /// end_all does where two ranks run different versions of the program.
  Communicator(std::unique_ptr<Transport> transport, double most_silence);
  ~Communicator();
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  int rank() const { return transport_ ? transport_->rank() : 0; }
  int size() const { return transport_ ? transport_->size() : 1; }
  bool alone() const { return !transport_; }
  /// Rank 0, which writes files and the log.
  bool leads() const { return rank() == 0; }
  /// "rank 1 (host n2, process 814)"
  const std::string& name_of(int rank) const { return names_[static_cast<size_t>(rank)]; }
  /// "2 ranks on 1 host by Open MPI v4.1.4, 1 thread each"; of one process "".
  const std::string& description() const { return description_; }

  /// Transport::sum, broadcast, gather, barrier.
  void sum(std::span<float> values, std::span<float> few = {});
  void broadcast(std::span<std::byte> bytes, int root = 0);
  void barrier();
  /// Rank `root`'s number and text, on every rank.
  double broadcast(double value, int root = 0);
  std::string broadcast(const std::string& text, int root = 0);
  void broadcast(std::vector<double>& values, int root = 0);
  /// Every rank's number and text, in the order of ranks.
  std::vector<uint64_t> gather(uint64_t value);
  std::vector<std::string> gather(const std::string& text);

  /// Seconds spent in sum() so far, the wait for the slowest rank included.
  double seconds_of_sums() const { return sum_seconds_; }

  /// The end of the work in order: waits for all ranks. Nothing else is called afterwards but this again.
  void finish();
  bool finished() const { return finished_; }

 private:
  void require_same_version();
  void divide_threads(const std::vector<std::string>& hosts);

  std::unique_ptr<Transport> transport_;
  std::vector<std::string> names_;
  std::string description_;
  bool finished_ = false;
  double sum_seconds_ = 0;
  std::unique_ptr<Watch> watch_;  ///< the first to end
};

}  // namespace fluxsbi::distributed
