#include "common.hpp"

#include <ATen/Parallel.h>
#include <CLI/CLI.hpp>

#include "core/system.hpp"

namespace fluxsbi::app {

void add_output(CLI::App& app, OutputArgument& output, const std::string& help, bool required) {
  app.add_option("-o,--output", output.path, help)->required(required);
  app.add_flag("--force", output.force, "replace the output if it exists");
}

void add_execution(CLI::App& app, experiment::Execution& execution) {
  app.add_option("--device", execution.device, "auto, cpu, cuda or cuda:i")->capture_default_str();
  app.add_option("--engine", execution.engine,
                 "what evaluates the network: auto, reference (LibTorch's modules) or tile (fluxsbi's own "
                 "CPU kernels)")
      ->capture_default_str()
      ->envname("FLUXSBI_ENGINE");
}

void set_up_threads() {
  at::set_num_threads(core::usable_threads());
}

}  // namespace fluxsbi::app
