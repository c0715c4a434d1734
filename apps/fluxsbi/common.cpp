#include "common.hpp"

#include <algorithm>
#include <filesystem>

#include <ATen/Parallel.h>
#include <CLI/CLI.hpp>

#include "core/error.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "io/atomic_file.hpp"

namespace fluxsbi::app {

void add_output(CLI::App& app, OutputArgument& output, const std::string& help, bool required) {
  app.add_option("-o,--output", output.path, help)->required(required);
  app.add_flag("--force", output.force, "replace the output if it exists");
}

void check_output(const OutputArgument& output, const std::vector<std::string>& extensions) {
  const std::filesystem::path path(output.path);
  const std::string extension = path.extension().string();
  if (!extensions.empty() && std::find(extensions.begin(), extensions.end(), extension) == extensions.end()) {
    throw core::UserError("-o " + output.path + ": the extension '" + extension +
                          "' cannot be written here; use one of " + core::join(extensions));
  }
  const auto folder = path.parent_path();
  if (!folder.empty() && !std::filesystem::is_directory(folder)) {
    throw core::UserError("-o " + output.path + ": the folder " + folder.string() +
                          " does not exist; create it first");
  }
  if (std::filesystem::is_directory(path))
    throw core::UserError("-o " + output.path + ": is a folder; name a file");
  io::refuse_existing(output.path, output.force);
}

void add_execution(CLI::App& app, Execution& execution) {
  app.add_option("--device", execution.device, "auto, cpu, cuda or cuda:i")->capture_default_str();
  app.add_option("--engine", execution.engine,
                 "what evaluates the network: auto, reference (LibTorch modules) or tile (own CPU kernels)")
      ->capture_default_str()
      ->envname("FLUXSBI_ENGINE");
}

void set_up_threads() {
  at::set_num_threads(core::usable_threads());
}

}  // namespace fluxsbi::app
