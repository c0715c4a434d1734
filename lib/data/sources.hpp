// The sections of a config that say where simulations come from.
#pragma once

#include "config/reader.hpp"
#include "data/data_options.hpp"
#include "data/prior/prior.hpp"
#include "data/simulate/command_simulator.hpp"

namespace fluxsbi::data {

struct Sources {
  DataOptions data;  ///< with the names of a prior's components where it names none itself
  PriorOptions prior;
  SimulatorOptions simulator;
};

/// Reads data, prior and simulator. The reader keeps what is wrong in them.
Sources read_sources(config::Reader& reader);

}  // namespace fluxsbi::data
