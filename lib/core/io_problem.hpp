// What a failed call of the system says of a file, and what the user can do about it.
#pragma once

#include <string>

namespace fluxsbi::core {

/// "No space left on device; free some space, or write to another disk" for ENOSPC; a remedy for every
/// number.
std::string io_problem(int error_number);

}  // namespace fluxsbi::core
