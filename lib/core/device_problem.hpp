// A GPU that fails under the work: nothing that the user asked for, nor a defect of the program.
#pragma once

#include <exception>
#include <optional>
#include <string>

namespace fluxsbi::core {

/// For an exception that stands for a device that is gone or broken, what it said and where to look: "the GPU
/// has failed (CUDA error: unspecified launch failure); ...". Nothing for any other, failed allocations among
/// them (core/memory.hpp).
std::optional<std::string> device_problem(const std::exception& problem);

}  // namespace fluxsbi::core
