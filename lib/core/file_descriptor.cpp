#include "core/file_descriptor.hpp"

#include <algorithm>
#include <cerrno>

#include <sys/stat.h>
#include <unistd.h>

namespace fluxsbi::core {

namespace {

constexpr size_t most_at_once = size_t{1} << 30;  // Linux transfers at most 2 GiB a call

// Calls transfer(bytes done so far, size of the rest) until all is done or a call makes no progress. Returns
// the bytes done.
template <class Transfer>
size_t transfer_all(size_t size, const Transfer& transfer) {
  size_t done = 0;
  while (done < size) {
    errno = 0;
    const ssize_t moved = transfer(done, std::min(size - done, most_at_once));
    if (moved < 0 && errno == EINTR) continue;
    if (moved <= 0) break;
    done += static_cast<size_t>(moved);
  }
  return done;
}

}  // namespace

void FileDescriptor::reset() {
  if (number_ >= 0) ::close(number_);
  number_ = -1;
}

size_t read_all(int descriptor, std::span<std::byte> bytes) {
  return transfer_all(
      bytes.size(), [&](size_t done, size_t size) { return ::read(descriptor, bytes.data() + done, size); });
}

size_t read_all_at(int descriptor, uint64_t offset, std::span<std::byte> bytes) {
  return transfer_all(bytes.size(), [&](size_t done, size_t size) {
    return ::pread(descriptor, bytes.data() + done, size, static_cast<off_t>(offset + done));
  });
}

bool write_all(int descriptor, std::span<const std::byte> bytes) {
  const size_t written = transfer_all(
      bytes.size(), [&](size_t done, size_t size) { return ::write(descriptor, bytes.data() + done, size); });
  return written == bytes.size();
}

bool write_all_at(int descriptor, uint64_t offset, std::span<const std::byte> bytes) {
  const size_t written = transfer_all(bytes.size(), [&](size_t done, size_t size) {
    return ::pwrite(descriptor, bytes.data() + done, size, static_cast<off_t>(offset + done));
  });
  return written == bytes.size();
}

uint64_t size_of_file(int descriptor) {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 ? static_cast<uint64_t>(status.st_size) : 0;
}

}  // namespace fluxsbi::core
