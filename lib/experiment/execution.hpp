// On which device and by which engine a command computes.
#pragma once

#include <memory>
#include <string>

#include "distributed/communicator.hpp"

namespace fluxsbi::experiment {

/// The device (auto, cpu, cuda, cuda:i) and the engine (auto, reference, tile) that evaluate a network, as
/// engine/device.hpp takes them.
struct Execution {
  std::string device = "auto", engine = "auto";
  /// Who trains together (docs/cluster.md); a process by itself unless a launcher has started several.
  std::shared_ptr<distributed::Communicator> ranks = std::make_shared<distributed::Communicator>();
};

/// Lets LibTorch's pool have as many threads as the process may use (core::usable_threads).
void use_all_threads();

}  // namespace fluxsbi::experiment
