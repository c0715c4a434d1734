#include "idle_options.hpp"

#include <CLI/CLI.hpp>

#include "core/error.hpp"
#include "core/log.hpp"

namespace fluxsbi::app {

void refuse_idle(const CLI::App& command, const std::vector<std::string>& options, const std::string& why) {
  for (const std::string& name : options) {
    if (command.count(name) > 0) throw core::UserError(name + " " + why);
  }
}

void warn_idle(const CLI::App& command, const std::vector<std::string>& options, const std::string& why) {
  for (const std::string& name : options) {
    if (command.count(name) > 0) core::log::warning(name + " has no effect here: it " + why);
  }
}

}  // namespace fluxsbi::app
