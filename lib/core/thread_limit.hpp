// Processes that share the cores of a machine.
#pragma once

namespace fluxsbi::core {

/// usable_threads() gives at most so many from here on, unless OMP_NUM_THREADS says how many. For one thread,
/// before others begin.
void limit_threads(int most);

}  // namespace fluxsbi::core
