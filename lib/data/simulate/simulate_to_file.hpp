// Simulation into a file; a killed run can be continued.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/stop.hpp"
#include "data/prior/prior.hpp"
#include "data/simulate/command_simulator.hpp"

namespace fluxsbi::data {

/// What simulate_to_file does.
struct SimulateRequest {
  std::string output;       ///< .npz, .h5, .csv, or .npy for the pair OUT_theta.npy and OUT_x.npy
  int64_t simulations = 0;  ///< 0 with theta_file: all of its rows
  uint64_t seed = 0;
  bool force = false;  ///< replace an existing output, and a partial one of other simulations
  /// Runs the rows again that failed in OUT or OUT.partial, and keeps the others, although the program has
  /// changed.
  bool retry_failed = false;
  std::optional<std::string> task;  ///< a built-in task, else simulator.command with `prior`
  SimulatorOptions simulator;
  PriorOptions prior;
  std::optional<std::string>
      theta_file;  ///< theta from this file (theta_rows.hpp) instead of the prior's draws
  std::vector<std::string> theta_names, x_names;  ///< empty: theta_0, ..., x_0, ...
  /// Called after every finished batch, by one thread at a time.
  std::function<void(int64_t done, int64_t total, int64_t failed)> progress;
  std::function<int()> stop = core::stop_requested;  ///< the number of the signal that asks to stop, or 0
};

struct SimulateOutcome {
  int64_t rows = 0;
  int64_t failed = 0;              ///< rows whose x is NaN
  int64_t resumed = 0;             ///< rows that an earlier run had left in OUT.partial
  std::string first_failure;       ///< why the first failed row of this run failed; empty if none did
  std::vector<std::string> files;  ///< what was written
};

/// Simulates into a file: arrays theta [n, d], x [n, dx] and, for simulators that can fail, failed [n].
/// Finished batches are kept in OUT.partial, so the same command continues after a kill; OUT.partial.program
/// notes the command and the checksums of its files. At the end the output is written completely and both are
/// removed.
/// Before the first batch of a command a warning says if its noise repeats (noise_check.hpp). With theta_file
/// the first `simulations` of its rows are simulated; those outside the prior's support are counted in a
/// warning. Throws UserError: output exists (unless force or retry_failed),
/// OUT.partial of other simulations or in use, no command or no prior to draw from, a command none of whose
/// rows succeeds; core::Stopped when `stop` asks for it, with a sentence on how to continue.
SimulateOutcome simulate_to_file(const SimulateRequest& request);

}  // namespace fluxsbi::data
