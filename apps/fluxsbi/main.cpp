#include <cstdio>
#include <cstdlib>
#include <iostream>

#include <unistd.h>

#include "command.hpp"

namespace {

// Ends the process after all that was set up since main began has been undone, the last first, and before
// what libraries set up when they were loaded: LibTorch takes .2 s to free memory that ends with the process.
void skip_what_was_loaded(int status, void*) {
  std::cout.flush();
  std::clog.flush();
  std::fflush(nullptr);
  _exit(status);
}

}  // namespace

int main(int argc, char** argv) {
#ifndef __SANITIZE_ADDRESS__  // which looks for leaks at the very end
  on_exit(skip_what_was_loaded, nullptr);
#endif
  return fluxsbi::app::run_command_line(argc, argv);
}
