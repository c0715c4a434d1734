// Members of an ensemble, trained as child processes of this program.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fluxsbi::experiment {

/// A member that is to be trained.
struct MemberTask {
  int64_t number = 0;              ///< from 1
  std::string folder;              ///< its run folder
  std::vector<std::string> words;  ///< the command line that trains it, without the program
};

/// A member that could not be trained.
struct MemberFailure {
  int64_t number = 0;
  std::string reason;  ///< what its process said last
};

struct ProcessPlan {
  std::string program;  ///< path of the program
  std::string run;      ///< the ensemble's folder, for messages
  int64_t jobs = 1;     ///< processes side by side
  int64_t threads = 1;  ///< of each
  int64_t members = 0;  ///< of the whole ensemble, those included that have nothing to do
  int64_t nsteps = 0;   ///< of a member, for progress
};

/// Runs the tasks in their order and shows one progress of all. A member that fails is told of at once; the
/// others go on. The processes cannot outlive this one. Returns the failures. Throws core::Stopped when a
/// signal asked to stop and something goes on from there, after all processes have saved what they have, else
/// core::Interrupted.
std::vector<MemberFailure> train_in_processes(const std::vector<MemberTask>& tasks, const ProcessPlan& plan);

/// "finished at step 900: best validation loss 0.53 at step 850", as a finished member's files say.
std::string outcome_of_member(const std::string& folder);

}  // namespace fluxsbi::experiment
