// Simulations by a config.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "data/simulate/simulate_to_file.hpp"

namespace fluxsbi::data {

/// The sections of a config that say how a model is trained and sampled; simulations need none of them.
std::span<const std::string_view> sections_of_models();

/// Takes simulator, prior and names from a config file, or the task that it names where it has no
/// simulator.command. Leaves sections_of_models() unread, so their mistakes are reported by `train` alone.
/// Logs warnings. Throws UserErrors for mistakes in the other sections and for unknown ones, and UserError
/// for a config that names neither a command nor a task.
void take_simulator(const std::string& config, SimulateRequest& request);

}  // namespace fluxsbi::data
