#include "data/simulate/journal.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/error.hpp"
#include "core/file_descriptor.hpp"
#include "core/system.hpp"
#include "io/atomic_file.hpp"

namespace fluxsbi::data {

namespace {

constexpr std::array<char, 8> magic{'F', 'L', 'X', 'S', 'I', 'M', '0', '1'};
constexpr uint64_t longest_description = 1 << 20;
constexpr uint64_t largest_record = uint64_t{1} << 36;  // bytes: a length beyond it is damage
constexpr double sync_seconds = 5;

/// What stands before the arrays of a record. Little-endian, as everything fluxsbi writes.
struct RecordHead {
  int64_t first_row = 0, rows = 0, theta_dim = 0, x_dim = 0;

  /// Bytes of theta, x and failed; nothing for numbers that cannot be.
  std::optional<uint64_t> payload() const {
    constexpr int64_t limit = int64_t{1} << 31;
    for (const int64_t n : {rows, theta_dim, x_dim}) {
      if (n < 0 || n > limit) return {};
    }
    const auto row_bytes = 4 * (static_cast<uint64_t>(theta_dim) + static_cast<uint64_t>(x_dim)) + 1;
    if (first_row < 0 || rows == 0 || row_bytes > largest_record / static_cast<uint64_t>(rows)) return {};
    return static_cast<uint64_t>(rows) * row_bytes;
  }
};

/// False at the end of the file and for an error.
bool read_at(int descriptor, uint64_t offset, std::span<std::byte> bytes) {
  return core::read_all_at(descriptor, offset, bytes) == bytes.size();
}

template <class T>
void append_bytes(std::vector<std::byte>& buffer, const T& values) {
  const auto bytes = std::as_bytes(values);
  buffer.insert(buffer.end(), bytes.begin(), bytes.end());
}

void append_checksum(std::vector<std::byte>& buffer) {
  const std::array<uint32_t, 1> checksum{io::crc32(buffer)};
  append_bytes(buffer, std::span(checksum));
}

bool checksum_holds(std::span<const std::byte> bytes) {
  uint32_t stored = 0;
  std::memcpy(&stored, bytes.data() + bytes.size() - sizeof stored, sizeof stored);
  return io::crc32(bytes.first(bytes.size() - sizeof stored)) == stored;
}

/// The record at `offset`, which is then moved behind it; nothing if there is no whole one.
std::optional<JournalRecord> read_record(int descriptor, uint64_t file_size, uint64_t& offset) {
  std::array<RecordHead, 1> head;
  if (!read_at(descriptor, offset, std::as_writable_bytes(std::span(head)))) return {};
  const auto payload = head[0].payload();
  if (!payload) return {};
  const uint64_t length = sizeof(RecordHead) + *payload + sizeof(uint32_t);
  if (length > file_size - offset) return {};
  std::vector<std::byte> bytes(length);
  if (!read_at(descriptor, offset, bytes) || !checksum_holds(bytes)) return {};
  JournalRecord record{head[0].first_row, head[0].theta_dim, head[0].x_dim, {}, {}, {}};
  record.theta.resize(static_cast<size_t>(head[0].rows * record.theta_dim));
  record.x.resize(static_cast<size_t>(head[0].rows * record.x_dim));
  record.failed.resize(static_cast<size_t>(head[0].rows));
  const std::byte* from = bytes.data() + sizeof(RecordHead);
  const auto take = [&](auto& values) {
    const size_t size = values.size() * sizeof(values[0]);
    if (size > 0) std::memcpy(values.data(), from, size);
    from += size;
  };
  take(record.theta);
  take(record.x);
  take(record.failed);
  offset += length;
  return record;
}

// False if another process holds the file. A killed one may hold it for a moment longer: a command that it
// had just forked keeps the lock until its exec.
bool lock(int descriptor) {
  constexpr double patience = 1;  // seconds
  const double begin = core::steady_seconds();
  while (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (core::steady_seconds() - begin > patience) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

}  // namespace

void Journal::fail(const std::string& what) const {
  throw core::UserError(path_ + ": " + what + ": " + std::strerror(errno));
}

Journal::Journal(std::string path, const std::string& description, bool discard_others, const Visit& visit)
    : path_(std::move(path)), descriptor_(open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
  if (!descriptor_.is_open()) fail("cannot be opened for writing");
  if (!lock(descriptor_.number())) {
    throw core::UserError(path_ +
                          " is being written by another fluxsbi simulate; wait for it or choose "
                          "another output");
  }
  const uint64_t size = core::size_of_file(descriptor_.number());
  if (size > 0) open_existing(description, discard_others, size);
  if (begin_ == 0) write_header(description);
  end_ = begin_;
  while (const auto record = read_record(descriptor_.number(), size, end_)) visit(*record);
  if (ftruncate(descriptor_.number(), static_cast<off_t>(end_)) != 0)
    fail("cannot be cut to its last whole record");
  synced_ = core::steady_seconds();
}

Journal::~Journal() {
  if (end_ == begin_ && !removed_) unlink(path_.c_str());
}

void Journal::write_header(const std::string& description) {
  core::require(description.size() < longest_description, "a description of one line");
  std::vector<std::byte> bytes;
  append_bytes(bytes, std::span(magic));
  const std::array<uint64_t, 1> length{description.size()};
  append_bytes(bytes, std::span(length));
  append_bytes(bytes, std::span(description));
  append_checksum(bytes);
  if (ftruncate(descriptor_.number(), 0) != 0 || !core::write_all_at(descriptor_.number(), 0, bytes))
    fail("cannot be written");
  begin_ = bytes.size();
}

// Leaves begin_ at 0 where the file is to be begun anew.
void Journal::open_existing(const std::string& description, bool discard_others, uint64_t size) {
  std::array<char, 8> found{};
  std::array<uint64_t, 1> length{};
  constexpr uint64_t fixed = sizeof found + sizeof length;
  const bool readable =
      read_at(descriptor_.number(), 0, std::as_writable_bytes(std::span(found))) &&
      read_at(descriptor_.number(), sizeof found, std::as_writable_bytes(std::span(length)));
  if (readable && found != magic && !discard_others) {
    throw core::UserError(path_ +
                          " is not a partial output of this version of fluxsbi; remove it or use --force");
  }
  if (!readable || found != magic || length[0] > longest_description) return;
  std::vector<std::byte> bytes(fixed + length[0] + sizeof(uint32_t));
  if (bytes.size() > size || !read_at(descriptor_.number(), 0, bytes) || !checksum_holds(bytes)) return;
  const std::string stored(reinterpret_cast<const char*>(bytes.data() + fixed), length[0]);
  if (stored == description) {
    begin_ = bytes.size();
  } else if (!discard_others) {
    throw core::UserError(path_ + " holds the beginning of other simulations (" + stored +
                          ") than asked for (" + description +
                          "); finish those first, remove the file, or use --force to drop them");
  }
}

void Journal::append(const JournalRecord& record) {
  const std::array<RecordHead, 1> head{
      RecordHead{record.first_row, std::ssize(record.failed), record.theta_dim, record.x_dim}};
  std::vector<std::byte> bytes;
  bytes.reserve(sizeof(RecordHead) + 4 * (record.theta.size() + record.x.size()) + record.failed.size() + 4);
  append_bytes(bytes, std::span(head));
  append_bytes(bytes, std::span(record.theta));
  append_bytes(bytes, std::span(record.x));
  append_bytes(bytes, std::span(record.failed));
  append_checksum(bytes);
  if (!core::write_all_at(descriptor_.number(), end_, bytes)) {
    const int problem = errno;
    // A failure to cut is harmless: the next run does it.
    [[maybe_unused]] const int cut = ftruncate(descriptor_.number(), static_cast<off_t>(end_));
    errno = problem;
    fail(
        "cannot be written; free some space and run the same command again, which continues where this one "
        "stopped");
  }
  end_ += bytes.size();
  if (core::steady_seconds() - synced_ > sync_seconds) sync();
}

void Journal::sync() {
  if (fdatasync(descriptor_.number()) != 0) fail("cannot be flushed to disk");
  synced_ = core::steady_seconds();
}

void Journal::replay(const Visit& visit) {
  uint64_t offset = begin_;
  while (offset < end_) {
    const auto record = read_record(descriptor_.number(), end_, offset);
    if (!record)
      throw core::UserError(path_ + " has changed while it was in use; run the same command again");
    visit(*record);
  }
}

void Journal::remove() {
  unlink(path_.c_str());
  removed_ = true;
}

}  // namespace fluxsbi::data
