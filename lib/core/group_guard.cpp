#include "core/group_guard.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ctime>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/file_descriptor.hpp"

namespace fluxsbi::core {

namespace {

/// What the guard is told.
struct Message {
  int64_t group;
  int64_t guarded;  ///< 1: put under guard, 0: dropped
};

constexpr size_t most_groups = 8192;  // more workers than a config may ask for
constexpr time_t grace_seconds = 2;

// The rest runs in a child of a process with threads, where only what is safe in a signal handler may be
// called.

class GuardedGroups {
 public:
  void take(const Message& message) {
    for (pid_t& group : groups_) {
      if (group != (message.guarded != 0 ? 0 : message.group)) continue;
      group = message.guarded != 0 ? static_cast<pid_t>(message.group) : 0;
      return;
    }
  }
  bool any() const {
    for (const pid_t group : groups_) {
      if (group != 0) return true;
    }
    return false;
  }
  void send(int signal) const {
    for (const pid_t group : groups_) {
      if (group != 0) kill(-group, signal);
    }
  }

 private:
  std::array<pid_t, most_groups> groups_{};
};

// Files that stay open in the guard would keep locks, and pipes that others read to their end.
void close_all_but(int kept) {
  rlimit limit{};
  constexpr int usual = 65536;
  const int end = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < usual
                      ? static_cast<int>(limit.rlim_cur)
                      : usual;
  for (int number = 0; number < end; ++number) {
    if (number != kept) close(number);
  }
}

[[noreturn]] void watch(int messages) {
  setsid();                             // a Ctrl-C on the terminal is for the program
  prctl(PR_SET_NAME, "command-guard");  // a pkill by the name of the program leaves it
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2}) ::signal(signal, SIG_IGN);
  close_all_but(messages);
  static GuardedGroups groups;
  Message message{};
  while (true) {
    const ssize_t bytes = read(messages, &message, sizeof message);
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes != sizeof message) break;  // the program has ended
    groups.take(message);
  }
  if (groups.any()) {
    groups.send(SIGTERM);
    timespec left{grace_seconds, 0};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) continue;
    groups.send(SIGKILL);
  }
  _exit(0);
}

/// The program's end of a pair of sockets, and the guard at the other.
class Guard {
 public:
  Guard() {
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) return;
    FileDescriptor messages(ends[0]);
    writing_ = FileDescriptor(ends[1]);
    const pid_t child = fork();
    if (child == 0) watch(messages.number());
    if (child < 0) writing_ = FileDescriptor();
    owner_ = getpid();
  }
  void tell(pid_t group, bool guarded) {
    if (!writing_.is_open() || getpid() != owner_) return;  // a copy of the program has no say
    const Message message{group, guarded ? 1 : 0};
    // No signal and no waiting where somebody has ended or stopped the guard.
    [[maybe_unused]] const ssize_t told =
        send(writing_.number(), &message, sizeof message, MSG_NOSIGNAL | MSG_DONTWAIT);
  }

 private:
  FileDescriptor writing_;
  pid_t owner_ = 0;
};

Guard& guard() {
  static Guard one;
  return one;
}

}  // namespace

void start_guard() {
  guard();
}

void guard_group(pid_t group) {
  guard().tell(group, true);
}

void drop_group(pid_t group) {
  guard().tell(group, false);
}

}  // namespace fluxsbi::core
