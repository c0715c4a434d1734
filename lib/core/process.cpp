#include "core/process.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <span>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/error.hpp"
#include "core/file_descriptor.hpp"
#include "core/group_guard.hpp"
#include "core/launcher.hpp"
#include "core/system.hpp"

extern char** environ;

namespace fluxsbi::core {

namespace {

constexpr double grace_seconds = 2;
constexpr size_t tail_bytes = 2000;

[[noreturn]] void fail(const char* what, int code) {
  throw std::system_error(code, std::generic_category(), what);
}

// A file in memory: a child can write any amount without anyone reading along, which a pipe cannot.
class MemoryFile {
 public:
  MemoryFile() : file_(memfd_create("fluxsbi", MFD_CLOEXEC)) {
    if (!file_.is_open()) fail("no memory file", errno);
  }
  int descriptor() const { return file_.number(); }
  size_t size() const { return size_of_file(descriptor()); }
  void write_and_rewind(std::string_view text) {
    if (!write_all(descriptor(), std::as_bytes(std::span(text)))) fail("no memory for its input", errno);
    lseek(descriptor(), 0, SEEK_SET);
  }
  std::string read(size_t offset) const {
    std::string text(size() - offset, '\0');
    text.resize(read_all_at(descriptor(), offset, std::as_writable_bytes(std::span(text))));
    return text;
  }

 private:
  FileDescriptor file_;
};

// This process's variables with those of `extra` set or replaced; ends with a null pointer.
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

// The arguments as exec takes them; they end with a null pointer.
std::vector<char*> words_of(const std::vector<std::string>& arguments) {
  std::vector<char*> words;
  for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  return words;
}

int status_of(int waited) {
  return WIFSIGNALED(waited) ? 128 + WTERMSIG(waited) : WEXITSTATUS(waited);
}

}  // namespace

Process Process::start_program(const std::vector<std::string>& arguments,
                               const std::vector<std::string>& environment, const Streams& streams) {
  require(!arguments.empty(), "a program has a name");
  const std::vector<char*> words = words_of(arguments);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, streams.input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, streams.output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, streams.error, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  start_guard();
  pid_t child = 0;
  const int problem = posix_spawnp(&child, words.front(), &actions, &attributes, words.data(),
                                   joined_environment(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (problem != 0) fail("no process", problem);
  guard_group(child);
  Process process(child);
  process.guarded_ = true;
  return process;
}

// Between fork and exec only what is safe in a child of a process with threads.
Process Process::start_bound_program(const std::vector<std::string>& arguments,
                                     const std::vector<std::string>& environment, const Streams& streams,
                                     const Bond& bond) {
  require(!arguments.empty(), "a program has a name");
  std::vector<std::string> own = environment_without_launcher();
  own.insert(own.end(), environment.begin(), environment.end());
  const std::vector<char*> words = words_of(arguments), variables = joined_environment(own);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) fail("no process", errno);
  if (child > 0) return Process(child);
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, bond.signal);
  constexpr int no_program = 127;
  if (getppid() != parent) _exit(no_program);  // it ended before it could be watched
  if (bond.kept_descriptor >= 0) fcntl(bond.kept_descriptor, F_SETFD, 0);
  dup2(streams.input, STDIN_FILENO);
  dup2(streams.output, STDOUT_FILENO);
  dup2(streams.error, STDERR_FILENO);
  execvpe(words.front(), words.data(), variables.data());
  _exit(no_program);
}

Process Process::start_work(const std::function<void()>& work) {
  const pid_t child = fork();
  if (child < 0) fail("no process", errno);
  if (child > 0) return Process(child);
  try {
    work();
  } catch (...) {
    _exit(1);
  }
  _exit(0);  // no exit handlers, no flushing of what the parent had buffered
}

Process::Process(Process&& other) noexcept
    : id_(std::exchange(other.id_, -1)), guarded_(other.guarded_), status_(other.status_) {}

Process::~Process() {
  kill();
  wait();
}

bool Process::has_ended() {
  if (id_ < 0) return true;
  int waited = 0;
  const pid_t found = waitpid(id_, &waited, WNOHANG);
  if (found == 0 || (found < 0 && errno == EINTR)) return false;
  note_end(waited);
  return true;
}

int Process::wait() {
  if (id_ < 0) return status_;
  int waited = 0;
  while (waitpid(id_, &waited, 0) < 0 && errno == EINTR) continue;
  note_end(waited);
  return status_;
}

void Process::note_end(int waited) {
  if (guarded_) drop_group(id_);
  status_ = status_of(waited);
  id_ = -1;
}

void Process::ask_to_stop() {
  if (id_ >= 0) ::kill(id_, SIGTERM);
}

void Process::end_group() {
  if (id_ < 0) return;
  const pid_t group = id_;
  ::kill(-group, SIGTERM);
  const double deadline = steady_seconds() + grace_seconds;
  while (!has_ended() && steady_seconds() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  ::kill(-group, SIGKILL);  // also those that the child left behind
  wait();
}

void Process::kill() {
  if (id_ >= 0) ::kill(id_, SIGKILL);
}

CommandResult run(const Command& command) {
  MemoryFile input, output, error;
  input.write_and_rewind(command.input);
  const double began = steady_seconds();
  Process process = Process::start_program(command.arguments, command.environment,
                                           {input.descriptor(), output.descriptor(), error.descriptor()});
  CommandResult result;
  auto pause = std::chrono::microseconds(200);
  while (!process.has_ended()) {
    result.timed_out = command.timeout_seconds > 0 && steady_seconds() - began > command.timeout_seconds;
    result.too_long = std::max(output.size(), error.size()) > command.most_output;
    result.stopped = command.stop && command.stop() != 0;
    if (result.timed_out || result.too_long || result.stopped) {
      process.end_group();
      break;
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::microseconds(10000));  // quick commands end quickly
  }
  result.status = process.wait();
  result.too_long = result.too_long || std::max(output.size(), error.size()) > command.most_output;
  if (!result.too_long) result.output = output.read(0);
  const size_t error_size = error.size();
  result.error_tail = error.read(error_size > tail_bytes ? error_size - tail_bytes : 0);
  return result;
}

}  // namespace fluxsbi::core
