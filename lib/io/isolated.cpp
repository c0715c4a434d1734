#include "io/isolated.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <new>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/error.hpp"

namespace fluxsbi::io {

namespace {

enum class Tag : unsigned char { record = 'R', done = 'D', user_error = 'U' };

using Resource = decltype(RLIMIT_CPU);  // an enumeration or int, as the C library has it

void set_limit(Resource resource, uint64_t value) {
  rlimit limit{};
  if (getrlimit(resource, &limit) != 0) return;
  limit.rlim_cur = std::min<rlim_t>(value, limit.rlim_max);
  setrlimit(resource, &limit);
}

// Bytes of private writable memory that this process has mapped: what RLIMIT_DATA counts.
uint64_t mapped_data() {
  uint64_t total = 0, resident = 0, shared = 0, text = 0, library = 0, data = 0;
  std::ifstream("/proc/self/statm") >> total >> resident >> shared >> text >> library >> data;
  return data * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

[[noreturn]] void run_child(int descriptor, const Isolated::Setting& setting,
                            const std::function<void(Isolated::Outlet&)>& work) {
  std::signal(SIGPIPE, SIG_DFL);  // without a reader there is nothing left to do
  set_limit(RLIMIT_CORE, 0);
  set_limit(RLIMIT_CPU, setting.seconds);
  set_limit(RLIMIT_DATA, mapped_data() + setting.memory);
  Isolated::Outlet outlet(descriptor);
  Tag tag = Tag::done;
  std::string error;
  try {
    work(outlet);
  } catch (const core::UserError& problem) {
    tag = Tag::user_error;
    error = problem.what();
  } catch (...) {
    _exit(1);
  }
  outlet.send(std::as_bytes(std::span(&tag, 1)));
  if (tag == Tag::user_error) outlet.send(error);
  _exit(0);  // no exit handlers, no flushing of what the parent had buffered
}

}  // namespace

void Isolated::Outlet::begin_record() {
  const Tag tag = Tag::record;
  send(std::as_bytes(std::span(&tag, 1)));
}

void Isolated::Outlet::send(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t done = write(descriptor_, bytes.data(), std::min(bytes.size(), size_t{1} << 30));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) _exit(1);
    bytes = bytes.subspan(static_cast<size_t>(done));
  }
}

void Isolated::Outlet::send(const std::string& text) {
  send(uint64_t{text.size()});
  send(std::as_bytes(std::span(text)));
}

Isolated::Isolated(Setting setting, const std::function<void(Outlet&)>& work) : setting_(std::move(setting)) {
  int ends[2];
  const bool piped = pipe2(ends, O_CLOEXEC) == 0;
  child_ = piped ? fork() : -1;
  if (child_ < 0) {
    const int problem = errno;
    if (piped) {
      close(ends[0]);
      close(ends[1]);
    }
    throw core::UserError(setting_.file + ": cannot start a process for " + setting_.library + ": " +
                          std::strerror(problem) + "; end other programs");
  }
  if (child_ == 0) run_child(ends[1], setting_, work);
  close(ends[1]);
  descriptor_ = ends[0];
}

Isolated::~Isolated() {
  kill_child();
  close(descriptor_);
}

void Isolated::kill_child() {
  if (child_ < 0) return;
  kill(child_, SIGKILL);
  while (waitpid(child_, nullptr, 0) < 0 && errno == EINTR) continue;
  child_ = -1;
}

void Isolated::fail(const std::string& what) const {
  throw core::UserError(setting_.file + ": " + setting_.library + " " + what + " this file; " +
                        setting_.remedy);
}

void Isolated::broken_down() {
  int status = 0;
  while (child_ >= 0 && waitpid(child_, &status, 0) < 0 && errno == EINTR) continue;
  child_ = -1;
  if (!WIFSIGNALED(status)) fail("found too little memory for");
  fail(WTERMSIG(status) == SIGXCPU ? "came to no end with" : "crashed over");
}

void Isolated::receive(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = read(descriptor_, bytes.data(), std::min(bytes.size(), size_t{1} << 30));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) broken_down();
    bytes = bytes.subspan(static_cast<size_t>(got));
  }
}

uint64_t Isolated::receive_number() {
  uint64_t number = 0;
  receive(std::as_writable_bytes(std::span(&number, 1)));
  return number;
}

std::string Isolated::receive_text() {
  constexpr uint64_t longest = 1u << 20;
  std::string text(std::min(receive_number(), longest), '\0');
  receive(std::as_writable_bytes(std::span(text)));
  return text;
}

bool Isolated::next() {
  Tag tag{};
  receive(std::as_writable_bytes(std::span(&tag, 1)));
  if (tag == Tag::record) return true;
  if (tag == Tag::done) return false;
  if (tag == Tag::user_error) throw core::UserError(receive_text());
  kill_child();
  fail("crashed over");
}

}  // namespace fluxsbi::io
