// The command line: a subcommand a file (cmd_*.cpp), one table (commands.cpp).
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "command.hpp"
#include "core/device_problem.hpp"
#include "core/error.hpp"
#include "core/io_problem.hpp"
#include "core/log.hpp"
#include "core/memory.hpp"
#include "core/registry.hpp"
#include "core/stop.hpp"
#include "core/text.hpp"
#include "core/version.hpp"
#include "distributed/ranks.hpp"
#include "number_range.hpp"

namespace {

using fluxsbi::app::Action;
using fluxsbi::core::ExitCode;
namespace core = fluxsbi::core;

int code(ExitCode exit_code) {
  return static_cast<int>(exit_code);
}

std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// "--minutes: 'ten' is not a number", for CLI11's "Could not convert: --minutes = ten". Whole numbers have
// been read before (read_whole_numbers_in_base_ten), but for those that are too large for 32 bits.
std::string conversion_problem(const CLI::App& command, const std::string& words) {
  const std::string_view begin = "Could not convert: ", between = " = ";
  const size_t end = words.find(between);
  if (!words.starts_with(begin) || end == std::string::npos) return words;
  const std::string name = words.substr(begin.size(), end - begin.size());
  const CLI::Option* option = command.get_option_no_throw(name);
  if (option == nullptr) return words;
  const bool whole = option->get_type_name().find("INT") != std::string::npos;
  return name + ": '" + words.substr(end + between.size()) + "' is " + (whole ? "too large" : "not a number");
}

// CLI11's own words for an unknown option lack the nearest one.
std::string parse_problem(const CLI::App& command, const CLI::ParseError& problem) {
  if (dynamic_cast<const CLI::ConversionError*>(&problem) != nullptr)
    return conversion_problem(command, problem.what());
  const auto extras = command.remaining();
  if (dynamic_cast<const CLI::ExtrasError*>(&problem) == nullptr || extras.empty()) return problem.what();
  const std::string& word = extras.front();
  if (word.rfind("--", 0) != 0) return "unexpected argument '" + word + "'";
  const std::string name = word.substr(0, word.find('='));
  return "unknown option " + name + core::did_you_mean(name, option_names(command));
}

// What to lower where a command's memory does not suffice.
std::string memory_remedy(std::string_view command) {
  if (command == "train" || command == "resume" || command == "distill" || command == "refine")
    return "lower training.batch_size (training.multistep keeps the step's total), or give the model an "
           "embedding section, fewer layers or less width";
  if (command == "sample") return "lower --memory or --chunk, or draw fewer at once (-n, --shard)";
  if (command == "log-prob" || command == "map")
    return "lower --memory or --chunk, or give fewer rows at once";
  if (command == "simulate") return "simulate fewer rows into each file (-n), with another seed for each";
  if (command == "c2st" || command == "plot") return "give fewer samples";
  return "give it less at once, or a machine with more memory";
}

// Answers what the machine could not do, with where the work goes on.
int answer_machine(const std::string& problem) {
  core::log::end_progress();
  const std::string last = core::last_words();
  core::log::error(problem + (last.empty() ? "" : ". " + last));
  return code(ExitCode::user_error);
}

// What was printed may be what the command was for: a table, JSON, a config that a shell writes to a file.
void require_printed() {
  errno = 0;
  std::cout.flush();
  if (std::cout.good()) return;
  throw core::UserError(
      "the standard output: cannot be written: " +
      (errno == 0 ? "an earlier write failed, as on a full disk" : core::io_problem(errno)) +
      "; what was printed there is not whole");
}

int run(const Action& action, std::string_view command) {
  try {
    const int exit_code = action();
    require_printed();
    return exit_code;
  } catch (const fluxsbi::distributed::SaidElsewhere& ended) {
    return ended.code();
  } catch (const core::UserError& problem) {
    core::log::end_progress();
    core::log::error(problem.what());
    return code(ExitCode::user_error);
  } catch (const core::DiagnosticFailed& problem) {
    core::log::end_progress();
    core::log::error(problem.what());
    return code(ExitCode::diagnostic_failed);
  } catch (const core::Stopped& stopped) {
    core::log::end_progress();
    core::log::info(stopped.what());
    return code(ExitCode::stopped);
  } catch (const core::Interrupted& interrupted) {
    core::log::end_progress();
    core::log::info(interrupted.what());
    return 128 + interrupted.signal();
  } catch (const std::exception& problem) {
    if (const auto memory = core::memory_problem(problem))
      return answer_machine(*memory + "; " + memory_remedy(command));
    if (const auto device = core::device_problem(problem)) return answer_machine(*device);
    core::log::end_progress();
    const std::string text = problem.what();  // LibTorch appends a stack trace after the first lines
    core::log::error("internal error: " + text.substr(0, text.find("Exception raised from")));
    core::log::error("this is a defect of fluxsbi " + std::string(core::version) +
                     "; please report it with the command and the config");
    return code(ExitCode::internal_error);
  }
}

// Ends the process after all that was set up since the command line began has been undone, the last first,
// and before what libraries set up when they were loaded: LibTorch takes .15 s to free memory that ends with
// the process.
void skip_what_was_loaded(int status, void*) {
  std::cout.flush();
  std::clog.flush();
  std::fflush(nullptr);
  _exit(status);
}

}  // namespace

int fluxsbi::app::run_command_line(int argc, char** argv) {
#ifndef __SANITIZE_ADDRESS__  // which looks for leaks at the very end
  on_exit(skip_what_was_loaded, nullptr);
#endif
  if (fluxsbi::app::needs_network({argv, static_cast<size_t>(argc)})) {
    return run([argv]() -> int { fluxsbi::app::become_network_program(argv); }, "");
  }
  CLI::App app{
      "fluxsbi trains transformers by flow matching, diffusion or score matching, and draws posterior "
      "samples",
      "fluxsbi"};
  app.set_version_flag("--version", std::string("fluxsbi ") + core::version);
  app.require_subcommand(0, 1);
  bool quiet = false, verbose = false;
  Action chosen;
  std::vector<std::pair<CLI::App*, Action>> actions;
  for (const auto& row : fluxsbi::app::commands()) {
    CLI::App* command = app.add_subcommand(std::string(row.name), std::string(row.summary));
    command->footer("Example:\n  " + std::string(row.example));
    command->add_flag("-q,--quiet", quiet, "show only warnings and errors");
    command->add_flag("-v,--verbose", verbose, "show details");
    if (row.declare) actions.emplace_back(command, row.declare(*command));
    fluxsbi::app::read_whole_numbers_in_base_ten(*command);
  }
  if (argc > 1 && argv[1][0] != '-') {
    const auto rows = fluxsbi::app::commands();
    if (core::find_row(rows, argv[1]) == nullptr) {
      core::log::error("unknown command '" + std::string(argv[1]) + "'" +
                       core::did_you_mean(argv[1], core::row_names(rows)));
      return code(ExitCode::user_error);
    }
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& problem) {
    const auto parsed = app.get_subcommands();
    const CLI::App& where = parsed.empty() ? app : *parsed.front();
    core::log::error(parse_problem(where, problem));
    std::cerr << "see: fluxsbi " << (parsed.empty() ? "" : where.get_name() + " ") << "--help\n";
    return code(ExitCode::user_error);
  }
  for (const auto& [command, action] : actions) {
    if (command->parsed()) chosen = action;
  }
  if (!chosen) {
    std::cout << app.help();
    return code(ExitCode::good);
  }
  if (quiet) core::log::set_level(core::log::Level::warning);
  if (verbose) core::log::set_level(core::log::Level::debug);
  core::watch_stop_signals();
  return run(chosen, argv[1]);
}
