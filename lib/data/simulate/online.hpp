// Simulations that are made while a model trains.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "core/stop.hpp"
#include "data/dataset.hpp"
#include "data/simulate/command_simulator.hpp"
#include "distributed/communicator.hpp"

namespace fluxsbi::data {

/// What is wrong with data.online in these sections, as a sentence to follow the key; empty if nothing is:
/// simulations are made by a task or by a command, and no file may be named beside them.
std::string online_problem(const DataOptions& options, const SimulatorOptions& simulator);

/// Opens the stream of simulations and makes the first data.simulations of them, which lie in memory. A
/// command draws theta from `prior`. Of several ranks each makes a part of them, and all have them all.
/// Throws UserError for what online_problem says, an unknown task, a command that does not run, a prior that
/// cannot be drawn from, and names of another length;
/// core::Interrupted where `stop` asks for it.
Dataset open_online(
    const DataOptions& options, const SimulatorOptions& simulator, const PriorOptions& prior, uint64_t seed,
    const std::function<int()>& stop = core::stop_requested,
    const std::shared_ptr<distributed::Communicator>& ranks = std::make_shared<distributed::Communicator>());

/// The shape that open_online would find. A command simulates one piece for it.
DataShape online_shape(const DataOptions& options, const SimulatorOptions& simulator,
                       const PriorOptions& prior);

}  // namespace fluxsbi::data
