#include "io/lock.hpp"

#include <cerrno>
#include <chrono>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "core/error.hpp"
#include "core/launcher.hpp"
#include "core/system.hpp"

namespace fluxsbi::io {

bool take_lock(int descriptor) {
  constexpr double patience = 1;  // seconds
  const double begin = core::steady_seconds();
  while (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK || core::steady_seconds() - begin > patience) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

bool stands_at(int descriptor, const std::string& path) {
  struct stat open_file {
  }, named{};
  return fstat(descriptor, &open_file) == 0 && stat(path.c_str(), &named) == 0 &&
         open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
}

core::FileDescriptor lock_folder(const std::string& folder) {
  core::FileDescriptor open_folder(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!open_folder.is_open() || take_lock(open_folder.number())) return open_folder;
  if (errno != EWOULDBLOCK) return core::FileDescriptor();
  throw core::UserError(
      folder + " is being written by another fluxsbi command; wait for it, or choose another folder" +
      core::several_processes_remedy());
}

bool is_locked(const std::string& folder) {
  const core::FileDescriptor open_folder(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return open_folder.is_open() && flock(open_folder.number(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace fluxsbi::io
