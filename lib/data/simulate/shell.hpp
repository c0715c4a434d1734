// Runs one command of the user's through /bin/sh.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace fluxsbi::data {

struct ShellResult {
  int status = 0;          ///< exit status, or 128 + signal
  bool timed_out = false;  ///< killed after the time limit
  bool too_long = false;   ///< killed because its output grew beyond max_shell_output
  bool stopped = false;    ///< killed because `stop` asked for it
  std::string output;      ///< standard output
  std::string error_tail;  ///< the last lines of standard error
};

inline constexpr size_t max_shell_output = size_t{4} << 30;  ///< bytes

/// Runs `command` with `input` as standard input and `environment` ("NAME=value") beside this process's own.
/// timeout_seconds 0: no limit. A command that is ended goes with all processes it started: SIGTERM, then
/// SIGKILL after two seconds. Safe to call from several threads. Throws UserError if no process can be
/// started.
ShellResult run_shell(const std::string& command, std::string_view input,
                      const std::vector<std::string>& environment, double timeout_seconds,
                      const std::function<int()>& stop);

}  // namespace fluxsbi::data
