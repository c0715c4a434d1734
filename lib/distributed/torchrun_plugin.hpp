// The contract between the program and the plug-in fluxsbi_torchrun (lib/engine/torchrun), which holds
// LibTorch's store. Both are built from one tree.
#pragma once

#include <string>

#include "distributed/communicator.hpp"
#include "distributed/store_place.hpp"

namespace fluxsbi::distributed {

inline constexpr int torchrun_plugin_abi = 1;

}  // namespace fluxsbi::distributed

/// Entry points of the plug-in.
extern "C" {
int fluxsbi_torchrun_plugin_abi();
/// Meets the other ranks at `place`, for `seconds` at most. Null, with the reason in *problem, where they do
/// not come; the caller owns the result.
fluxsbi::distributed::Transport* fluxsbi_torchrun_open(const fluxsbi::distributed::StorePlace& place,
                                                       int rank, int size, double seconds,
                                                       std::string* problem);
}
