#include "io/isolated.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/resource.h>
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

// What the child does: works within its limits, then says how that went.
void work_within_limits(int descriptor, const Isolated::Setting& setting,
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
  }
  outlet.send(std::as_bytes(std::span(&tag, 1)));
  if (tag == Tag::user_error) outlet.send(error);
}

}  // namespace

void Isolated::Outlet::begin_record() {
  const Tag tag = Tag::record;
  send(std::as_bytes(std::span(&tag, 1)));
}

void Isolated::Outlet::send(std::span<const std::byte> bytes) {
  if (!core::write_all(descriptor_, bytes)) _exit(1);
}

void Isolated::Outlet::send(const std::string& text) {
  send(uint64_t{text.size()});
  send(std::as_bytes(std::span(text)));
}

Isolated::Isolated(Setting setting, const std::function<void(Outlet&)>& work) : setting_(std::move(setting)) {
  try {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category());
    inlet_ = core::FileDescriptor(ends[0]);
    const core::FileDescriptor outlet(ends[1]);
    child_.emplace(core::Process::start_work([&] { work_within_limits(outlet.number(), setting_, work); }));
  } catch (const std::system_error& problem) {
    throw core::UserError(setting_.file + ": cannot start a process for " + setting_.library + ": " +
                          problem.code().message() + "; end other programs");
  }
}

void Isolated::fail(const std::string& what) const {
  throw core::UserError(setting_.file + ": " + setting_.library + " " + what + " this file; " +
                        setting_.remedy);
}

void Isolated::broken_down() {
  const int status = child_->wait();
  if (status < 128) fail("found too little memory for");
  fail(status == 128 + SIGXCPU ? "came to no end with" : "crashed over");
}

void Isolated::receive(std::span<std::byte> bytes) {
  if (core::read_all(inlet_.number(), bytes) < bytes.size()) broken_down();
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
  fail("crashed over");
}

}  // namespace fluxsbi::io
