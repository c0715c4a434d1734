// Requests to stop: SIGINT, SIGTERM and SIGUSR1 set a flag that long work looks at between steps.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace fluxsbi::core {

/// Catches SIGINT, SIGTERM and SIGUSR1 from here on. A second one ends the program at once, unless it comes
/// within a fifth of a second of the first (one stop that is sent to a process and to its group counts once):
/// it prints the last words, and the exit code is 75 where there are some, else 128 + the signal. Also
/// ignores SIGXFSZ, so that a limit on file sizes is an error of write().
void watch_stop_signals();

/// The number of the signal that asked to stop, or 0.
int stop_requested();

/// "SIGTERM" for 15.
const char* signal_name(int signal);

/// Where work that is ended at once goes on, as one sentence of at most 500 bytes; "": nothing would go on.
void set_last_words(std::string_view text);
std::string last_words();

/// Work was stopped by a signal and nothing of it goes on; the exit code is 128 + signal.
class Interrupted : public std::runtime_error {
 public:
  Interrupted(int signal, const std::string& what) : std::runtime_error(what), signal_(signal) {}
  int signal() const { return signal_; }

 private:
  int signal_;
};

/// While one lives, interruption_point() looks at `stop`, which any thread may call; scopes nest. Begun and
/// ended by one thread, while no other is at a point.
class InterruptScope {
 public:
  explicit InterruptScope(std::function<int()> stop = stop_requested);
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

 private:
  std::function<int()> stop_;
  const std::function<int()>* outer_;
};

/// Between the parts of long work: throws Interrupted where a scope lives and its stop names a signal. Costs
/// a few nanoseconds.
void interruption_point();

}  // namespace fluxsbi::core
