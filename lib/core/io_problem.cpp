#include "core/io_problem.hpp"

#include <cerrno>
#include <cstring>

namespace fluxsbi::core {

namespace {

const char* remedy(int problem) {
  switch (problem) {
    case ENOSPC:
    case EDQUOT:
      return "free some space, or write to another disk";
    case EFBIG:
      return "raise the limit on file sizes (ulimit -f), or write fewer data";
    case EMFILE:
      return "raise the limit on open files (ulimit -n), or give fewer files at once";
    case ENFILE:
      return "the machine has too many files open: end other programs, or raise fs.file-max";
    case ENOMEM:
      return "the machine is short of memory: end other programs";
    case EAGAIN:
      return "too many processes run: take fewer simulator.workers, or raise the limit (ulimit -u)";
    case EIO:
    case ESTALE:
    case EREMOTEIO:
      return "the disk or the network share fails: look at the system's log, and use another disk";
    case ENOENT:
    case ENOTDIR:
      return "make its folder first";
    case EACCES:
    case EPERM:
    case EROFS:
      return "check the permissions of the file and its folder";
    default:
      return "check the disk and the path";
  }
}

}  // namespace

std::string io_problem(int error_number) {
  return std::string(std::strerror(error_number)) + "; " + remedy(error_number);
}

}  // namespace fluxsbi::core
