#include "io/source.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.hpp"
#include "core/file_descriptor.hpp"
#include "core/io_problem.hpp"
#include "core/memory.hpp"

namespace fluxsbi::io {

void Source::fail(const std::string& message) const {
  throw core::UserError(name_ + ": " + message);
}

void Source::read(uint64_t offset, std::span<std::byte> out) const {
  if (offset > size_ || out.size() > size_ - offset)
    fail("ends too early: it is truncated or damaged; copy or make it again");
  if (!out.empty()) take(offset, out);
}

std::vector<std::byte> Source::read_all() const {
  std::vector<std::byte> bytes(size_);
  read(0, bytes);
  return bytes;
}

MemorySource::MemorySource(std::span<const std::byte> bytes, std::string name)
    : Source(std::move(name)), bytes_(bytes) {
  size_ = bytes.size();
}

void MemorySource::take(uint64_t offset, std::span<std::byte> out) const {
  std::memcpy(out.data(), bytes_.data() + offset, out.size());
}

FileSource::FileSource(const std::string& path) : Source(path) {
  descriptor_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe must not block
  if (descriptor_ < 0) {
    const int problem = errno;
    if (problem == ENOENT || problem == ENOTDIR) fail("there is no such file; check the path");
    fail("cannot be opened: " + core::io_problem(problem));
  }
  struct stat status {};
  const bool known = fstat(descriptor_, &status) == 0;
  if (!known || !S_ISREG(status.st_mode)) {
    close(descriptor_);
    fail(known && S_ISDIR(status.st_mode) ? "is a folder; name a file in it"
                                          : "is not a regular file; copy its content to a file first");
  }
  size_ = static_cast<uint64_t>(status.st_size);
}

FileSource::~FileSource() {
  close(descriptor_);
}

void FileSource::take(uint64_t offset, std::span<std::byte> out) const {
  if (core::read_all_at(descriptor_, offset, out) == out.size()) return;
  if (errno != 0) fail("cannot be read: " + core::io_problem(errno));
  fail("became shorter while it was read; is another program writing it?");
}

void Stream::fail(const std::string& message) const {
  throw core::UserError(name_ + ": " + message);
}

void Stream::read(std::span<std::byte> out) {
  if (out.size() > remaining_) fail("ends too early: it is truncated or damaged; copy or make it again");
  if (!out.empty()) take(out);
  remaining_ -= out.size();
}

void SourceStream::take(std::span<std::byte> out) {
  source_.read(offset_, out);
  offset_ += out.size();
}

std::vector<std::byte> room_for(uint64_t bytes, const std::string& name) {
  constexpr uint64_t never_looked_at = uint64_t{1}
                                       << 28;  // asking the system costs more than small arrays do
  if (bytes > never_looked_at) {
    core::require_memory(
        static_cast<double>(bytes), name + ": an array",
        "cut the file into parts, or save its arrays as .npy or HDF5, whose rows training reads as "
        "it needs them (data.memory_gb)");
  }
  return std::vector<std::byte>(bytes);
}

}  // namespace fluxsbi::io
