#include "command.hpp"

int main(int argc, char** argv) {
  return fluxsbi::app::run_command_line(argc, argv);
}
