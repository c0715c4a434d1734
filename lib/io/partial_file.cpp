#include "io/partial_file.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.hpp"
#include "core/io_problem.hpp"
#include "core/launcher.hpp"
#include "io/atomic_file.hpp"
#include "io/lock.hpp"

namespace fluxsbi::io {

PartialFile::PartialFile(std::string output, const std::string& suffix, const std::string& command)
    : output_(std::move(output)),
      place_(link_target(output_)),
      path_(place_ + suffix),
      descriptor_(open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
  ignore_file_size_signal();
  if (!descriptor_.is_open()) fail(errno);
  if (!take_lock(descriptor_.number()) || !stands_at(descriptor_.number(), path_)) {
    placed_ = true;  // it is the other's
    throw core::UserError(output_ + " is being written by another fluxsbi " + command +
                          "; wait for it or choose another output" + core::several_processes_remedy());
  }
}

PartialFile::~PartialFile() {
  if (descriptor_.is_open() && !kept_ && !placed_) unlink(path_.c_str());
}

void PartialFile::fail(int problem) const {
  fail_to_write(path_, problem);
}

uint64_t PartialFile::size() const {
  return core::size_of_file(descriptor_.number());
}

void PartialFile::cut(uint64_t size) {
  if (ftruncate(descriptor_.number(), static_cast<off_t>(size)) != 0) fail(errno);
}

void PartialFile::write_at(uint64_t offset, std::span<const std::byte> bytes) {
  if (!core::write_all_at(descriptor_.number(), offset, bytes)) fail(errno);
}

void PartialFile::read_at(uint64_t offset, std::span<std::byte> out) const {
  if (core::read_all_at(descriptor_.number(), offset, out) == out.size()) return;
  throw core::UserError(
      path_ + ": " +
      (errno == 0 ? "is shorter than it was; is another program writing it?" : core::io_problem(errno)));
}

void PartialFile::free_range(uint64_t offset, uint64_t bytes) {
  // What stays allocated is overwritten later.
  [[maybe_unused]] const int freed =
      fallocate(descriptor_.number(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                static_cast<off_t>(bytes));
}

void PartialFile::start_sync() {
  // Where the system cannot, sync() does all of it.
  [[maybe_unused]] const int begun = sync_file_range(descriptor_.number(), 0, 0, SYNC_FILE_RANGE_WRITE);
}

void PartialFile::sync() {
  if (fdatasync(descriptor_.number()) != 0) fail(errno);
}

void PartialFile::commit() {
  struct stat old {};
  const bool exists = stat(place_.c_str(), &old) == 0;
  if (exists && !S_ISREG(old.st_mode)) {
    copy_to_device();
    return;
  }
  if (exists && fchmod(descriptor_.number(), old.st_mode & 07777) != 0) fail(errno);
  if (fsync(descriptor_.number()) != 0) fail(errno);
  if (rename(path_.c_str(), place_.c_str()) != 0) fail_to_write(output_, errno);
  placed_ = true;
  flush_folder_of(place_);
}

void PartialFile::copy_to_device() const {
  constexpr uint64_t piece_bytes = 1u << 20;
  const core::FileDescriptor device(open(place_.c_str(), O_WRONLY | O_CLOEXEC));
  if (!device.is_open()) fail_to_write(output_, errno);
  const uint64_t all = size();
  std::vector<std::byte> piece;
  for (uint64_t done = 0; done < all; done += piece.size()) {
    piece.resize(std::min(piece_bytes, all - done));
    read_at(done, piece);
    if (!core::write_all(device.number(), piece)) fail_to_write(output_, errno);
  }
}

}  // namespace fluxsbi::io
