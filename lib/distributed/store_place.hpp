// Where the ranks that torchrun has started meet.
#pragma once

#include <cstdint>
#include <string>

#include "core/launcher.hpp"

namespace fluxsbi::distributed {

/// A key-value store of c10d (TCPStore), which torchrun's agent hosts for its processes, or rank 0 for all.
struct StorePlace {
  std::string host;
  uint16_t port = 0;
  bool agent_hosts = false;
  std::string prefix;  ///< of all keys: those of an earlier attempt of a restarted job are others
};

/// That of MASTER_ADDR, MASTER_PORT, TORCHELASTIC_USE_AGENT_STORE and TORCHELASTIC_RESTART_COUNT, which
/// torchrun sets. Throws UserError, naming the variables, where they are missing or no port.
StorePlace store_place(const core::Launch& launch);

}  // namespace fluxsbi::distributed
