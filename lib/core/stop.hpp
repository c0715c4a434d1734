// Requests to stop: SIGINT, SIGTERM and SIGUSR1 set a flag that long work looks at between steps.
#pragma once

namespace fluxsbi::core {

/// Catches SIGINT, SIGTERM and SIGUSR1 from here on. A second SIGINT ends the program at once.
void watch_stop_signals();

/// The number of the signal that asked to stop, or 0.
int stop_requested();

/// "SIGTERM" for 15.
const char* signal_name(int signal);

}  // namespace fluxsbi::core
