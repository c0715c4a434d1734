// Options that a command takes and that would do nothing.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace fluxsbi::app {

/// Throws the UserError of the first of `options` (such as "--pool") that the command line gives: `why` it
/// would do nothing, and what to do, follow its name: "--pool says how draws are weighed; ...".
void refuse_idle(const CLI::App& command, const std::vector<std::string>& options, const std::string& why);

/// The same as a warning, for options that change nothing by their nature, such as a seed where nothing is
/// random.
void warn_idle(const CLI::App& command, const std::vector<std::string>& options, const std::string& why);

}  // namespace fluxsbi::app
