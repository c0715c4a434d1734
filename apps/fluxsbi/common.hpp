// Options and steps that several commands share.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "experiment/execution.hpp"

namespace CLI {
class App;
}
namespace fluxsbi::experiment {
struct Members;
}

namespace fluxsbi::app {

/// Where results are written: -o and --force.
struct OutputArgument {
  std::string path;
  bool force = false;
};
void add_output(CLI::App& app, OutputArgument& output, const std::string& help, bool required = true);

/// --strict.
void add_strict(CLI::App& app, bool& strict);

/// --device and --engine.
void add_execution(CLI::App& app, experiment::Execution& execution);

/// --jobs; each member of an ensemble is a process of this program.
void add_members(CLI::App& app, experiment::Members& members);

/// --rank-timeout, in seconds.
void add_rank_timeout(CLI::App& app, double& seconds);
/// Warns where it is given to a single process.
void warn_of_rank_timeout(const CLI::App& command);

/// "FILE:KEY", which data::load_side reads; the file itself without a key.
std::string file_with_key(const std::string& file, const std::string& key);

/// Shows "WHAT done/total  RATE UNIT/s", and the time left.
std::function<void(int64_t done, int64_t total)> show_progress(const std::string& what,
                                                               const std::string& unit);

}  // namespace fluxsbi::app
