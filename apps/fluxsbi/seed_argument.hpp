// --seed of the commands that draw.
#pragma once

#include <cstdint>
#include <string>

namespace CLI {
class App;
}

namespace fluxsbi::app {

/// --seed, a whole number from 0 to 2^64 - 1; anything else is refused, also -1, which reading an unsigned
/// number would wrap.
void add_seed(CLI::App& app, uint64_t& seed, const std::string& help);

}  // namespace fluxsbi::app
