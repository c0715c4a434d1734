#include "seed_argument.hpp"

#include <CLI/CLI.hpp>

namespace fluxsbi::app {

void add_seed(CLI::App& app, uint64_t& seed, const std::string& help) {
  app.add_option("--seed", seed, help)->capture_default_str();
}

}  // namespace fluxsbi::app
