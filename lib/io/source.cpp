#include "io/source.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.hpp"

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
    fail(std::string("cannot be opened: ") + std::strerror(problem) + "; check its permissions");
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
  constexpr size_t most_at_once = size_t{1} << 30;  // Linux transfers at most 2 GiB a call
  while (!out.empty()) {
    const ssize_t got =
        pread(descriptor_, out.data(), std::min(out.size(), most_at_once), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(std::string("cannot be read: ") + std::strerror(errno) + "; check the disk");
    if (got == 0) fail("became shorter while it was read; is another program writing it?");
    out = out.subspan(static_cast<size_t>(got));
    offset += static_cast<uint64_t>(got);
  }
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

}  // namespace fluxsbi::io
