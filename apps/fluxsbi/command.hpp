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

/// The sources make two programs: fluxsbi, which starts at once since LibTorch is not in it, and
/// fluxsbi-network, which holds everything. The first hands what needs a network over to the second.
#ifdef FLUXSBI_WITH_NETWORK
inline constexpr bool with_network = true;
#else
inline constexpr bool with_network = false;
#endif

/// All that the program does: a whole command line, the program's name first. Returns the exit code; every
/// error is answered on standard error. When the process then exits, it leaves out what stood there before:
/// exit handlers and destructors of libraries.
int run_command_line(int argc, char** argv);

/// Adds the command's options to `app` and returns what to run once they are parsed.
using Declare = Action (*)(CLI::App& app);

struct CommandRow {
  std::string_view name;
  std::string_view summary;
  std::string_view example;  ///< shown by --help; it runs as it stands
  Declare declare;           ///< null: the command is fluxsbi-network's
  /// True for words after the command's name with which it is fluxsbi-network's; null: there are none.
  bool (*for_network)(std::span<char* const> words) = nullptr;
};

std::span<const CommandRow> commands();

/// True where this program has to hand these words of the command line over.
bool needs_network(std::span<char* const> words);

/// Runs fluxsbi-network, which lies beside this program, in its place. Throws UserError where it cannot be
/// started.
[[noreturn]] void become_network_program(char** words);

Action declare_simulate(CLI::App& app);
Action declare_check(CLI::App& app);
Action declare_train(CLI::App& app);
Action declare_resume(CLI::App& app);
Action declare_distill(CLI::App& app);
Action declare_refine(CLI::App& app);
Action declare_sample(CLI::App& app);
Action declare_log_prob(CLI::App& app);
Action declare_map(CLI::App& app);
Action declare_merge(CLI::App& app);
Action declare_c2st(CLI::App& app);
Action declare_diagnose(CLI::App& app);
Action declare_compare(CLI::App& app);
Action declare_plot(CLI::App& app);
Action declare_report(CLI::App& app);
/// True where `report` has to draw the posterior itself.
bool reports_observation(std::span<char* const> words);
Action declare_summary(CLI::App& app);
Action declare_export(CLI::App& app);
Action declare_info(CLI::App& app);
/// True where `info` is not asked about a path.
bool asks_about_build(std::span<char* const> words);
Action declare_recommend(CLI::App& app);
Action declare_import(CLI::App& app);
Action declare_bench(CLI::App& app);
Action declare_benchmark(CLI::App& app);
Action declare_tune(CLI::App& app);
Action declare_plan(CLI::App& app);

}  // namespace fluxsbi::app
