// Whether a command draws fresh noise that can be repeated.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/simulate/command_simulator.hpp"

namespace fluxsbi::data {

/// Runs the command at most three times on one theta: twice under different seeds, and again under the first.
/// `theta_of` gives the theta of a row; rows that fail are passed over, up to eight. `batch` is that of the
/// simulations: with two rows or more the same theta is given twice, which tells repeated noise from none.
///
/// Returns a sentence for a warning: different seeds gave the same x (noise that repeats from batch to batch,
/// or none), or the same seed gave different x. Empty: fresh noise, or nothing could be found out.
std::string noise_problem(CommandSimulator& simulator, int64_t batch,
                          const std::function<std::vector<double>(int64_t row)>& theta_of);

}  // namespace fluxsbi::data
