// Child processes: a program that is fed, read, limited in time and reaped, or work of this program's own.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace fluxsbi::core {

/// A child process. It does not outlive its object: one that has not ended is killed and reaped.
class Process {
 public:
  /// What the child has as standard input, output and error.
  struct Streams {
    int input, output, error;
  };

  /// Starts a program, looked for in PATH, with `environment` ("NAME=value") beside this process's own
  /// variables. It leads a process group of its own, so that all it starts can be ended with it and a Ctrl-C
  /// on the terminal reaches this program alone; the group ends with this process, too, where that is killed
  /// (group_guard.hpp). Throws std::system_error.
  static Process start_program(const std::vector<std::string>& arguments,
                               const std::vector<std::string>& environment, const Streams& streams);

  /// What ties a program to this process.
  struct Bond {
    int signal;                ///< which the kernel sends it when this process ends, however that ends
    int kept_descriptor = -1;  ///< that stays open in it, such as a lock's; -1: none but its streams
  };
  /// The same for a program that cannot outlive this process, or has `bond.signal` to end itself, and that no
  /// launcher of this process has started (environment_without_launcher). The caller's thread must live as
  /// long as the child. A program that cannot be started ends with exit code 127.
  static Process start_bound_program(const std::vector<std::string>& arguments,
                                     const std::vector<std::string>& environment, const Streams& streams,
                                     const Bond& bond);

  /// Starts a copy of this process that calls work() and ends: exit status 0, or 1 after an exception. No
  /// destructors and exit handlers run in it, and it may use no threads. It stays in this process's group.
  /// Throws std::system_error.
  static Process start_work(const std::function<void()>& work);

  ~Process();
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;

  /// True once the child has ended; does not wait.
  bool has_ended();
  /// Waits for the end. Returns the exit status, or 128 + the number of the signal that ended the child.
  int wait();
  /// Asks the child alone to stop: SIGTERM.
  void ask_to_stop();
  /// Ends the child and its group: SIGTERM, then SIGKILL after two seconds. Not for start_work.
  void end_group();
  /// SIGKILL for the child alone.
  void kill();

 private:
  explicit Process(pid_t id) : id_(id) {}
  void note_end(int waited);

  pid_t id_;              ///< -1: has ended and was reaped
  bool guarded_ = false;  ///< its group is
  int status_ = 0;
};

inline constexpr size_t max_command_output = size_t{4} << 30;  ///< bytes of each stream

/// A program to be run to its end.
struct Command {
  std::vector<std::string> arguments;       ///< the program, looked for in PATH, and its arguments
  std::string_view input = {};              ///< standard input
  std::vector<std::string> environment;     ///< "NAME=value", beside this process's own variables
  double timeout_seconds = 0;               ///< 0: no limit
  std::function<int()> stop = {};           ///< asked now and then; ends the program where it is not 0
  size_t most_output = max_command_output;  ///< bytes of each stream, which are kept in memory
};

struct CommandResult {
  int status = 0;          ///< exit status, or 128 + signal
  bool timed_out = false;  ///< ended after the time limit
  bool too_long = false;   ///< its output grew beyond most_output; `output` is empty then
  bool stopped = false;    ///< ended because `stop` asked for it
  std::string output;      ///< standard output
  std::string error_tail;  ///< the last 2000 bytes of standard error
};

/// Runs a command to its end, as Process::start_program starts it. A command that is ended before goes with
/// all processes it started (Process::end_group). Safe to call from several threads. Throws std::system_error
/// if it cannot be started: with ENOENT where there is no such program.
CommandResult run(const Command& command);

}  // namespace fluxsbi::core
