// Options and steps that several commands share.
#pragma once

#include <string>

#include "experiment/execution.hpp"

namespace CLI {
class App;
}

namespace fluxsbi::app {

/// Where results are written: -o and --force.
struct OutputArgument {
  std::string path;
  bool force = false;
};
void add_output(CLI::App& app, OutputArgument& output, const std::string& help, bool required = true);

/// --device and --engine.
void add_execution(CLI::App& app, experiment::Execution& execution);

/// Threads of LibTorch's own pool set to what the process may use; called by every command that computes with
/// tensors.
void set_up_threads();

}  // namespace fluxsbi::app
