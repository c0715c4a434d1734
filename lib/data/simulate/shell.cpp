#include "data/simulate/shell.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>

#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/error.hpp"
#include "core/system.hpp"

namespace fluxsbi::data {

namespace {

constexpr double grace_seconds = 2;
constexpr size_t tail_bytes = 2000;

[[noreturn]] void fail(const std::string& what, int code) {
  throw core::UserError("cannot run simulator.command: " + what + ": " + std::strerror(code));
}

/// A file in memory: the child can write any amount without anyone reading along, which a pipe cannot.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(memfd_create("fluxsbi", MFD_CLOEXEC)) {
    if (descriptor_ < 0) fail("no memory file", errno);
  }
  ~MemoryFile() { close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  int descriptor() const { return descriptor_; }
  size_t size() const {
    struct stat status {};
    fstat(descriptor_, &status);
    return static_cast<size_t>(status.st_size);
  }
  void write_and_rewind(std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = ::write(descriptor_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail("no memory for its input", errno);
      text.remove_prefix(static_cast<size_t>(written));
    }
    lseek(descriptor_, 0, SEEK_SET);
  }
  std::string read(size_t offset) const {
    std::string text(size() - offset, '\0');
    size_t done = 0;
    while (done < text.size()) {
      const ssize_t got =
          pread(descriptor_, text.data() + done, text.size() - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      done += static_cast<size_t>(got);
    }
    text.resize(done);
    return text;
  }

 private:
  int descriptor_;
};

/// This process's variables with those of `extra` set or replaced; ends with a null pointer.
std::vector<char*> joined_environment(const std::vector<std::string>& extra) {
  std::vector<char*> environment;
  for (const auto& entry : extra) environment.push_back(const_cast<char*>(entry.c_str()));
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text = *entry, name = text.substr(0, text.find('=') + 1);
    const bool replaced = std::any_of(extra.begin(), extra.end(), [&](const std::string& other) {
      return !name.empty() && other.starts_with(name);
    });
    if (!replaced) environment.push_back(*entry);
  }
  environment.push_back(nullptr);
  return environment;
}

/// Starts /bin/sh -c command in a process group of its own, so that all of it can be ended together and a
/// Ctrl-C on the terminal reaches fluxsbi alone.
pid_t start(const std::string& command, const std::vector<std::string>& extra, int input, int output,
            int error) {
  std::vector<char*> environment = joined_environment(extra);
  const char* arguments[] = {"/bin/sh", "-c", command.c_str(), nullptr};

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, error, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  pid_t child = 0;
  const int problem = posix_spawn(&child, "/bin/sh", &actions, &attributes, const_cast<char**>(arguments),
                                  environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (problem != 0) fail("no process", problem);
  return child;
}

/// True once the child has ended; `status` is then waitpid's.
bool has_ended(pid_t child, int& status) {
  const pid_t found = waitpid(child, &status, WNOHANG);
  return found == child || (found < 0 && errno != EINTR);
}

void end_group(pid_t child, int& status) {
  kill(-child, SIGTERM);
  const double deadline = core::steady_seconds() + grace_seconds;
  bool ended = false;
  while (!(ended = has_ended(child, status)) && core::steady_seconds() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  kill(-child, SIGKILL);  // also those that the shell left behind
  if (!ended) waitpid(child, &status, 0);
}

}  // namespace

ShellResult run_shell(const std::string& command, std::string_view input,
                      const std::vector<std::string>& environment, double timeout_seconds,
                      const std::function<int()>& stop) {
  MemoryFile input_file, output_file, error_file;
  input_file.write_and_rewind(input);
  const double began = core::steady_seconds();
  const pid_t child =
      start(command, environment, input_file.descriptor(), output_file.descriptor(), error_file.descriptor());
  ShellResult result;
  int status = 0;
  auto pause = std::chrono::microseconds(200);
  while (!has_ended(child, status)) {
    result.timed_out = timeout_seconds > 0 && core::steady_seconds() - began > timeout_seconds;
    result.too_long = output_file.size() > max_shell_output || error_file.size() > max_shell_output;
    result.stopped = stop && stop() != 0;
    if (result.timed_out || result.too_long || result.stopped) {
      end_group(child, status);
      break;
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::microseconds(10000));  // quick commands end quickly
  }
  result.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  if (!result.too_long) result.output = output_file.read(0);
  const size_t error_size = error_file.size();
  result.error_tail = error_file.read(error_size > tail_bytes ? error_size - tail_bytes : 0);
  return result;
}

}  // namespace fluxsbi::data
