// Runs the program as a user does.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace fluxsbi::test {

struct Outcome {
  int code = -1;       ///< exit code, or 128 + signal
  std::string output;  ///< standard output and standard error together
};

/// How a command is run. LibTorch takes .4 s of a core to start, which is more than most commands take
/// themselves, and a fork of the test process has it already: it calls what fluxsbi-network's main calls.
/// The real program is started
///  - where the process itself is tested: signals and kills (Running), limits on its memory, open files or
///    file sizes, the memory or the rates that it measures (bench, plan, train --minutes);
///  - where a command starts further ones, which it looks for by /proc/self/exe: members of an ensemble, the
///    steps of tune and benchmark. In a fork they would find the tests, which take none of their words;
///  - behind launchers, shells and env (run_words): ranks, plug-ins, services;
///  - for every other command at least once, where test_start.cpp compares both;
///  - always in tests outside this folder, which link run_started.cpp instead of run_in_fork.cpp.
enum class Start { fork, program };

/// fluxsbi ARGUMENTS, on one thread so that results are the same on any machine of one kind.
Outcome run(const std::vector<std::string>& arguments, Start start = Start::fork);

/// Any command, looked for in PATH; FLUXSBI_PROGRAM is the program's file.
Outcome run_words(const std::vector<std::string>& words);

/// The words of a command line: the program's file, then ARGUMENTS; and pointers to words, the last one null.
std::vector<std::string> program_with(const std::vector<std::string>& arguments);
std::vector<char*> pointers_to(std::vector<std::string>& words);

/// What `work` says and ends with in a process of its own, which it ends itself.
Outcome outcome_of(const std::function<void()>& work);

/// Starts the program in the background.
class Running {
 public:
  explicit Running(const std::vector<std::string>& arguments);
  void send(int signal) const;
  /// Waits for the end; exit code, or 128 + signal.
  int wait();

 private:
  pid_t process_;
};

/// Until `condition` holds, which is asked every few milliseconds; false after two minutes.
bool wait_until(const std::function<bool()>& condition);

/// A run folder holds a checkpoint.
bool has_checkpoint(const std::string& run);

/// A configuration of a tiny Flux1 on two_moons that trains in seconds.
std::string tiny_config();
/// The same of a joint model, flux1joint or simformer.
std::string tiny_joint_config(const std::string& model);

}  // namespace fluxsbi::test
