// On which device and by which engine a command computes.
#pragma once

#include <memory>
#include <string>

#include "distributed/communicator.hpp"

namespace fluxsbi::experiment {

/// The device (auto, cpu, cuda, cuda:i; of models that are asked also cuda:i,j and cuda:all) and the engine
/// (auto, reference, tile) that evaluate a network, as engine/device.hpp takes them.
struct Execution {
  std::string device = "auto", engine = "auto";
  /// Who trains together (docs/cluster.md); a process by itself unless a launcher has started several.
  std::shared_ptr<distributed::Communicator> ranks = std::make_shared<distributed::Communicator>();
};

/// What a process that a launcher started beside others asks for, where `device` (auto, cuda) leaves open
/// which GPU: that of its number on its machine, counted round where the processes are more. Else `device`
/// itself.
std::string device_of_process(const std::string& device);

/// Lets LibTorch's pool have as many threads as the process may use (core::usable_threads).
void use_all_threads();

}  // namespace fluxsbi::experiment
