// What this machine and build offer; only fluxsbi-network, which holds all of it, can say.
#pragma once

#include <string>

namespace fluxsbi::app {

/// Version, processor, memory, device and engine, and the names of models, methods, solvers and tasks, a line
/// each.
std::string build_description();

/// Markdown of every configuration key (docs/config.md).
std::string config_reference();

}  // namespace fluxsbi::app
