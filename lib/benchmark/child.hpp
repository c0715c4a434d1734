// Steps of long work: commands that are run as child processes, each with a file that stands once it is done.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace fluxsbi::benchmark {

struct Step {
  std::string name;                     ///< "train", for people
  std::vector<std::string> command;     ///< the program, looked for in PATH, and its arguments
  std::string output;                   ///< the file that stands once the step is done
  bool captured = false;                ///< `output` is what the command prints; else the command writes it
  std::vector<int> good{0};             ///< exit codes with which the step is done
  std::string begun = {};               ///< a file by which an earlier, unfinished call is known; "": none
  std::vector<std::string> go_on = {};  ///< the command where `begun` stands
  bool brief = false;                   ///< one of many, shown on the line of progress alone
};

bool is_done(const Step& step);

/// The command line as a shell takes it, fluxsbi by its name alone.
std::string command_line(const Step& step);

struct StepRun {
  std::string log;                 ///< file to which the command's messages are appended
  int lock = -1;                   ///< descriptor of a lock that lives as long as the command does; -1: none
  int threads = 0;                 ///< OMP_NUM_THREADS of the command; 0: as this process has it
  std::function<int()> stop = {};  ///< asked now and then; the command is ended where it is not 0
};

struct StepEnd {
  int status = 0;        ///< exit code, or 128 + signal
  bool stopped = false;  ///< ended because `stop` asked for it
  double seconds = 0;
  std::string problem;  ///< what the command said last where it failed, in one line
};

/// Runs a step that is not done, from its beginning or from where it was stopped. The command ends with this
/// process: by SIGTERM when this one dies, so that it keeps what it has. Throws UserError where files cannot
/// be written, and std::system_error where no process can be started.
StepEnd run_step(const Step& step, const StepRun& how);

}  // namespace fluxsbi::benchmark
