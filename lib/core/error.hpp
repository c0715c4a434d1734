// What can go wrong, and the exit code of each kind.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace fluxsbi::core {

/// The program's exit codes (README, "Exit codes").
enum class ExitCode : int {
  good = 0,
  user_error = 1,         ///< something the user can correct: arguments, config, files
  diagnostic_failed = 2,  ///< the run was fine, but a statistical test failed
  internal_error = 3,     ///< a defect of fluxsbi
  stopped = 75,           ///< stopped by a signal after a checkpoint; a scheduler may requeue (EX_TEMPFAIL)
};

/// A mistake of the user or a failure of the machine (disk full), as one sentence that says what is wrong,
/// where, and how to correct it.
class UserError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Several mistakes that were found in one pass, one a line.
class UserErrors : public UserError {
 public:
  explicit UserErrors(const std::vector<std::string>& lines);
};

/// A broken promise of the code: a defect, never the user's fault.
class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// What was asked for can be done, but a check that the user made strict says that it should not be.
class DiagnosticFailed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The run was stopped by a signal after its state was saved.
class Stopped : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws InternalError(message) unless `condition` holds.
void require(bool condition, const char* message);

}  // namespace fluxsbi::core
