#include "idle_options.hpp"

#include <CLI/CLI.hpp>

#include "core/error.hpp"

namespace fluxsbi::app {

void refuse_idle(const CLI::App& command, const std::vector<std::string>& options, const std::string& why) {
  for (const std::string& name : options) {
    if (command.count(name) > 0) throw core::UserError(name + " " + why);
  }
}

}  // namespace fluxsbi::app
