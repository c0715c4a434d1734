// Options and steps that several commands share.
#pragma once

#include <string>

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

/// What computes: --device and --engine, as engine/device.hpp takes them.
struct Execution {
  std::string device = "auto", engine = "auto";
};
void add_execution(CLI::App& app, Execution& execution);

/// Threads of LibTorch's own pool set to what the process may use; called by every command that computes with
/// tensors.
void set_up_threads();

}  // namespace fluxsbi::app
