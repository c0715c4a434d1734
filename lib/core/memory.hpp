// Memory that is not there is the user's to solve: it is said before the work where that can be estimated,
// and after a failed allocation where it cannot.
#pragma once

#include <exception>
#include <optional>
#include <string>

namespace fluxsbi::core {

/// Throws UserError where `bytes` exceed what this process may still take: "WHAT needs 1.5 TB of memory, but
/// 21 GB are available here; REMEDY".
void require_memory(double bytes, const std::string& what, const std::string& remedy);

/// For an exception that stands for a failed allocation, of C++ or of LibTorch on a CPU or GPU, what could
/// not be had and what the machine has: "out of memory: 12 GB could not be allocated; 8.1 GB are available
/// here". Nothing for any other.
std::optional<std::string> memory_problem(const std::exception& problem);

}  // namespace fluxsbi::core
