// Options and steps that several commands share.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
}

namespace fluxsbi::app {

/// Where results are written: -o and --force.
struct OutputArgument {
  std::string path;
  bool force = false;
};
void add_output(CLI::App& app, OutputArgument& output, const std::string& help);

/// Throws UserError unless `path` may be written: no file is there or force is set, its folder exists, and its extension is
/// one of `extensions` (empty: any).
void check_output(const OutputArgument& output, const std::vector<std::string>& extensions);

/// "i/n" -> (i, n), 0 <= i < n. Throws UserError otherwise.
std::pair<int64_t, int64_t> parse_shard(const std::string& text);

/// Threads of LibTorch's own pool set to what the process may use; called by every command that computes with tensors.
void set_up_threads();

}  // namespace fluxsbi::app
