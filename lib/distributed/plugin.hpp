// The contract between the program and the plug-in fluxsbi_mpi, which alone links MPI. Both are built from
// one tree; the ABI number guards against a plug-in of another version beside the program.
#pragma once

#include "distributed/communicator.hpp"

namespace fluxsbi::distributed {

inline constexpr int mpi_plugin_abi = 1;

}  // namespace fluxsbi::distributed

/// Entry points of the plug-in.
extern "C" {
int fluxsbi_mpi_plugin_abi();
/// Starts MPI. `expected_size` is what the launcher says. Null where MPI sees another number of ranks, with
/// that number in *found; the caller owns the result.
fluxsbi::distributed::Transport* fluxsbi_mpi_open(int expected_size, int* found);
}
