// The table of subcommands: help, dispatch and suggestions derive from it.
#pragma once

#include <functional>
#include <span>
#include <string_view>

namespace CLI {
class App;
}

namespace fluxsbi::app {

/// What a parsed command line runs; returns an exit code (core::ExitCode).
using Action = std::function<int()>;

struct CommandRow {
  std::string_view name;
  std::string_view summary;
  std::string_view example;  ///< shown by --help; it runs as it stands
  /// Adds the command's options to `app` and returns what to run once they are parsed.
  Action (*declare)(CLI::App& app);
};

std::span<const CommandRow> commands();

Action declare_simulate(CLI::App& app);
Action declare_train(CLI::App& app);
Action declare_resume(CLI::App& app);
Action declare_sample(CLI::App& app);
Action declare_log_prob(CLI::App& app);
Action declare_map(CLI::App& app);
Action declare_merge(CLI::App& app);
Action declare_c2st(CLI::App& app);
Action declare_plot(CLI::App& app);
Action declare_info(CLI::App& app);
Action declare_recommend(CLI::App& app);
Action declare_import(CLI::App& app);
Action declare_bench(CLI::App& app);

}  // namespace fluxsbi::app
