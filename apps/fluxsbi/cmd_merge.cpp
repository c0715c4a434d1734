#include <memory>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "common.hpp"
#include "core/log.hpp"
#include "io/overwritten_input.hpp"
#include "sample/files/sample_file.hpp"

namespace fluxsbi::app {

Action declare_merge(CLI::App& app) {
  struct Arguments {
    std::vector<std::string> files;
    OutputArgument output;
  };
  auto arguments = std::make_shared<Arguments>();
  app.add_option("files", arguments->files, "the sample files of all shards, in any order")->required();
  add_output(app, arguments->output, ".npz, .h5 or .npy file to write");
  return [arguments] {
    io::refuse_overwriting(arguments->output.path, arguments->files);
    sample::merge_files(arguments->files, arguments->output.path, arguments->output.force);
    core::log::info("wrote " + arguments->output.path + " from " + std::to_string(arguments->files.size()) +
                    " shards");
    return 0;
  };
}

}  // namespace fluxsbi::app
