// Watches over the ranks of a training: a rank that waits for a dead one would wait for ever.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "core/file_descriptor.hpp"

namespace fluxsbi::distributed {

class Communicator;

/// Every rank holds a TCP connection to rank 0, and a thread of each sends a sign of life over it once a
/// second. The kernel closes the connection of a process that has died, however it died, so that this is
/// known at once. A process that is stopped (SIGSTOP), or whose host or network has gone, is silent: it is
/// lost after `most_silence` seconds. Rank 0 tells all others. They end with one sentence, core::last_words()
/// behind it, and exit code 1.
class Watch {
 public:
  /// Collective: rank 0 listens, and tells its addresses and a key by `ranks`, whose watch this becomes.
  Watch(Communicator& ranks, double most_silence);
  /// Without finish() the other ranks end, too: this one has ended by an error, which it says itself.
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  /// From here on a rank that ends is nobody's concern.
  void finish();

 private:
  struct Peer {
    int rank = 0;
    core::FileDescriptor connection;
    double heard = 0;       ///< core::steady_seconds() of its last sign
    bool finished = false;  ///< it ends in order
  };

  void listen_for(Communicator& ranks);
  void connect_to(Communicator& ranks);
  void take(core::FileDescriptor connection, uint64_t key);
  void run();
  void read_from(Peer& peer);
  void tell_all(char sign);
  [[noreturn]] void end_with(const Peer& peer, const std::string& how);
  [[noreturn]] void end_quietly();

  const double most_silence_;
  std::vector<std::string> names_;
  bool leads_;
  std::vector<Peer> peers_;
  std::atomic<bool> finished_{false}, ends_{false};
  core::FileDescriptor wake_read_, wake_write_;
  std::thread thread_;
};

}  // namespace fluxsbi::distributed
