// Simulations by a config.
#pragma once

#include <string>

#include "data/simulate/simulate_to_file.hpp"

namespace fluxsbi::experiment {

/// Takes simulator, prior and names from a config file, or the task that it names where it has no
/// simulator.command. Throws UserError for a config that has neither.
void take_simulator(const std::string& config, data::SimulateRequest& request);

}  // namespace fluxsbi::experiment
