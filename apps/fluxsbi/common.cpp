#include "common.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include <ATen/Parallel.h>
#include <CLI/CLI.hpp>

#include "core/error.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "io/atomic_file.hpp"

namespace fluxsbi::app {

void add_output(CLI::App& app, OutputArgument& output, const std::string& help) {
  app.add_option("-o,--output", output.path, help)->required();
  app.add_flag("--force", output.force, "replace the output if it exists");
}

void check_output(const OutputArgument& output, const std::vector<std::string>& extensions) {
  const std::filesystem::path path(output.path);
  const std::string extension = path.extension().string();
  if (!extensions.empty() && std::find(extensions.begin(), extensions.end(), extension) == extensions.end()) {
    throw core::UserError("-o " + output.path + ": the extension '" + extension + "' cannot be written here; use one of " +
                          core::join(extensions));
  }
  const auto folder = path.parent_path();
  if (!folder.empty() && !std::filesystem::is_directory(folder)) {
    throw core::UserError("-o " + output.path + ": the folder " + folder.string() + " does not exist; create it first");
  }
  if (std::filesystem::is_directory(path)) throw core::UserError("-o " + output.path + ": is a folder; name a file");
  io::refuse_existing(output.path, output.force);
}

std::pair<int64_t, int64_t> parse_shard(const std::string& text) {
  int64_t index = -1, count = 0;
  const size_t slash = text.find('/');
  const auto number = [&](size_t begin, size_t end, int64_t& out) {
    const auto result = std::from_chars(text.data() + begin, text.data() + end, out);
    return result.ec == std::errc() && result.ptr == text.data() + end;
  };
  const bool good = slash != std::string::npos && number(0, slash, index) && number(slash + 1, text.size(), count);
  if (!good || count < 1 || index < 0 || index >= count) {
    throw core::UserError("--shard " + text + ": needs i/n with i = 0 ... n-1, for example --shard 0/4");
  }
  return {index, count};
}

void set_up_threads() { at::set_num_threads(core::usable_threads()); }

}  // namespace fluxsbi::app
