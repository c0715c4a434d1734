#include <cerrno>
#include <cstring>
#include <filesystem>

#include <sys/resource.h>
#include <unistd.h>

#include "command.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace fluxsbi::app {

namespace {

// Below that LibTorch's libraries cannot be loaded, and the loader has no words for it.
void require_room() {
  constexpr rlim_t least = 450'000'000;
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= least) return;
  throw core::UserError("the limit on memory (ulimit -v) is " +
                        core::bytes_text(static_cast<double>(limit.rlim_cur)) +
                        ", and a program with a network needs 450 MB before it begins; raise it");
}

}  // namespace

void become_network_program(char** words) {
  require_room();
  const std::filesystem::path here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const std::string program = (here / "fluxsbi-network").string();
  execv(program.c_str(), words);
  throw core::UserError(program + " cannot be started (" + std::strerror(errno) +
                        "); it belongs beside fluxsbi, which leaves to it what needs a network");
}

}  // namespace fluxsbi::app
