#include "core/stop.hpp"

#include <csignal>
#include <initializer_list>

#include <unistd.h>

namespace fluxsbi::core {

namespace {

volatile std::sig_atomic_t requested = 0;

void on_signal(int signal) {
  if (signal == SIGINT && requested == SIGINT) _exit(130);
  requested = signal;
}

}  // namespace

void watch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) sigaction(signal, &action, nullptr);
}

int stop_requested() {
  return requested;
}

const char* signal_name(int signal) {
  switch (signal) {
    case SIGINT:
      return "SIGINT";
    case SIGTERM:
      return "SIGTERM";
    case SIGUSR1:
      return "SIGUSR1";
    default:
      return "a signal";
  }
}

}  // namespace fluxsbi::core
