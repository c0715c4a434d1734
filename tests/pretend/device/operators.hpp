// The pretend device's operators.
#pragma once

namespace fluxsbi::pretend {

/// Registers them with LibTorch's dispatcher: memory and copies of their own, and for every operator that has
/// a kernel of its own on the CPU that kernel, behind the checks of pretend.hpp.
void register_operators();

}  // namespace fluxsbi::pretend
