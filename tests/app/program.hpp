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

/// fluxsbi ARGUMENTS, on one thread so that results are the same on any machine of one kind.
Outcome run(const std::vector<std::string>& arguments);

/// Any command, looked for in PATH; FLUXSBI_PROGRAM is the program's file.
Outcome run_words(const std::vector<std::string>& words);

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
