// What the ranks of a launcher do together: they meet, they do a piece of work each, and they end alike.
#pragma once

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

#include "core/launcher.hpp"
#include "distributed/communicator.hpp"

namespace fluxsbi::distributed {

/// So many seconds without a sign of life of a rank end all others.
inline constexpr double default_silence = 50;

/// The work ended for a reason that another rank says; the exit code is that rank's. Nothing is printed.
class SaidElsewhere : public std::runtime_error {
 public:
  explicit SaidElsewhere(int code) : std::runtime_error("another rank says why"), code_(code) {}
  int code() const { return code_; }

 private:
  int code_;
};

/// The ranks of this process's launcher; a process by itself where none started it, or where it started one
/// rank alone. Ranks other than 0 show errors alone from here on, each with its rank before it; threads are
/// divided among the ranks of a host that share its cores, unless OMP_NUM_THREADS says how many. Throws
/// UserError, on other ranks than 0 after some seconds: launcher variables without a launcher, a launcher
/// that MPI does not know, a program without the MPI plug-in.
std::shared_ptr<Communicator> open_ranks(double most_silence = default_silence);

/// Throws likewise where a launcher has started several ranks of a command that knows no ranks. `remedy`:
/// what to do instead.
void refuse_ranks(const std::string& command, const std::string& remedy);

/// Every rank does its work, and all go on if none has failed. Else all end alike: rank 0 throws UserError
/// with the sentence of the first rank that failed, naming it unless it is rank 0 itself, and the others
/// SaidElsewhere; where a signal has ended the work of one, all throw core::Interrupted. Work must not call
/// the communicator unless it then fails on all ranks or on none.
void together(Communicator& ranks, const std::function<void()>& work);

/// Rank 0 does the work, and all go on if it has not failed; else as above.
void on_first(Communicator& ranks, const std::function<void()>& work);

/// For a failure that every rank knows of, collective: ends the traffic in order and throws UserError(what)
/// on rank 0, SaidElsewhere on the others.
[[noreturn]] void end_all(Communicator& ranks, const std::string& what);

/// Runs a command's work and ends the ranks' traffic in order where all ranks end alike.
void run_together(Communicator& ranks, const std::function<void()>& work);

}  // namespace fluxsbi::distributed
