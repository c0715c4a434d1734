#include <cerrno>
#include <cstring>
#include <filesystem>

#include <unistd.h>

#include "command.hpp"
#include "core/error.hpp"

namespace fluxsbi::app {

void become_network_program(char** words) {
  const std::filesystem::path here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const std::string program = (here / "fluxsbi-network").string();
  execv(program.c_str(), words);
  throw core::UserError(program + " cannot be started (" + std::strerror(errno) +
                        "); it belongs beside fluxsbi, which leaves to it what needs a network");
}

}  // namespace fluxsbi::app
