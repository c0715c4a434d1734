#include "io/journal.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "core/error.hpp"
#include "core/io_problem.hpp"
#include "core/launcher.hpp"
#include "core/system.hpp"
#include "core/write_failure.hpp"
#include "io/atomic_file.hpp"
#include "io/lock.hpp"

namespace fluxsbi::io {

namespace {

constexpr size_t mark_bytes = 8;
constexpr uint64_t longest_description = 1 << 20;
constexpr uint64_t largest_record = uint64_t{1} << 36;  // bytes: a length beyond it is damage
constexpr double sync_seconds = 5;

// Where replace() writes what takes a journal's place.
std::string next_of(const std::string& path) {
  return path + ".next";
}

template <class T>
void append_bytes(std::vector<std::byte>& buffer, const T& values) {
  const auto bytes = std::as_bytes(std::span(values));
  buffer.insert(buffer.end(), bytes.begin(), bytes.end());
}

// [text's bytes, or none] [length] [payload] [CRC-32 of all before]. Little-endian, as everything fluxsbi
// writes.
std::vector<std::byte> framed(std::string_view mark, std::span<const std::byte> payload) {
  std::vector<std::byte> bytes;
  bytes.reserve(mark.size() + payload.size() + sizeof(uint64_t) + sizeof(uint32_t));
  append_bytes(bytes, mark);
  append_bytes(bytes, std::array<uint64_t, 1>{payload.size()});
  append_bytes(bytes, payload);
  append_bytes(bytes, std::array<uint32_t, 1>{crc32(bytes)});
  return bytes;
}

// The payload of the frame at `offset`, which is then moved behind it; nothing if there is no whole one.
std::optional<std::vector<std::byte>> read_frame(int descriptor, uint64_t end, size_t mark,
                                                 uint64_t& offset) {
  std::array<uint64_t, 1> length{};
  const uint64_t fixed = mark + sizeof length + sizeof(uint32_t);
  const auto head = std::as_writable_bytes(std::span(length));
  if (core::read_all_at(descriptor, offset + mark, head) != head.size()) return {};
  if (length[0] > largest_record || offset > end || fixed > end - offset || length[0] > end - offset - fixed)
    return {};
  std::vector<std::byte> bytes(fixed + length[0]);
  if (core::read_all_at(descriptor, offset, bytes) != bytes.size()) return {};
  uint32_t stored = 0;
  std::memcpy(&stored, bytes.data() + bytes.size() - sizeof stored, sizeof stored);
  if (crc32(std::span(bytes).first(bytes.size() - sizeof stored)) != stored) return {};
  offset += bytes.size();
  bytes.resize(bytes.size() - sizeof stored);
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(mark + sizeof length));
  return bytes;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    line.erase(0, std::min(line.find_first_not_of(' '), line.size()));
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

std::string key_of(const std::string& line) {
  return line.substr(0, line.find(':'));
}

std::string value_of(const std::string& line) {
  const size_t colon = line.find(": ");
  return colon == std::string::npos ? "nothing" : line.substr(colon + 2);
}

}  // namespace

std::string description_differences(const std::string& stored, const std::string& description) {
  const auto there = lines_of(stored), here = lines_of(description);
  const auto find = [](const std::vector<std::string>& lines, const std::string& key) {
    const auto line =
        std::find_if(lines.begin(), lines.end(), [&](const auto& l) { return key_of(l) == key; });
    return line == lines.end() ? std::string("nothing") : value_of(*line);
  };
  std::string text;
  const auto add = [&](const std::string& key, const std::string& a, const std::string& b) {
    if (a != b) text += (text.empty() ? "" : "; ") + key + " is " + a + " there and " + b + " here";
  };
  for (const auto& line : here) add(key_of(line), find(there, key_of(line)), value_of(line));
  for (const auto& line : there) {
    if (find(here, key_of(line)) == "nothing") add(key_of(line), value_of(line), "nothing");
  }
  return text;
}

void Journal::fail(const std::string& what) const {
  throw core::WriteFailure(path_ + ": " + what + ": " + core::io_problem(errno));
}

Journal::Journal(std::string path, const Kind& kind, const std::string& description, bool discard_others)
    : path_(std::move(path)),
      kind_(kind),
      descriptor_(open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
  core::require(kind.mark.size() == mark_bytes, "a journal's mark has eight bytes");
  if (!descriptor_.is_open()) fail("cannot be opened for writing");
  if (!take_lock(descriptor_.number()) || !stands_at(descriptor_.number(), path_)) {
    throw core::UserError(path_ + " is being written by another fluxsbi " + kind_.command +
                          "; wait for it or choose another output" + core::several_processes_remedy());
  }
  end_ = core::size_of_file(descriptor_.number());
  if (end_ > 0) open_existing(description, discard_others);
  if (begin_ == 0) write_header(description);
  place_ = begin_;
  synced_ = core::steady_seconds();
}

Journal::~Journal() {
  if (end_ == begin_ && !removed_) unlink(path_.c_str());
}

void Journal::write_header(const std::string& description) {
  core::require(description.size() < longest_description, "a description of a few lines");
  header_ = framed(kind_.mark, std::as_bytes(std::span(description)));
  if (ftruncate(descriptor_.number(), 0) != 0 || !core::write_all_at(descriptor_.number(), 0, header_))
    fail("cannot be written");
  begin_ = end_ = header_.size();
}

// Leaves begin_ at 0 where the file is to be begun anew.
void Journal::open_existing(const std::string& description, bool discard_others) {
  std::array<char, mark_bytes> found{};
  const bool readable =
      core::read_all_at(descriptor_.number(), 0, std::as_writable_bytes(std::span(found))) == mark_bytes;
  const bool ours = std::string_view(found.data(), found.size()) == kind_.mark;
  if (readable && !ours && !discard_others) {
    throw core::UserError(path_ +
                          " is not a partial output of this version of fluxsbi; remove it or use --force");
  }
  uint64_t offset = 0;
  if (!readable || !ours) return;
  const auto bytes = read_frame(descriptor_.number(), end_, mark_bytes, offset);
  if (!bytes || bytes->size() > longest_description) return;
  const std::string stored(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  if (stored == description) {
    header_ = framed(kind_.mark, *bytes);
    begin_ = offset;
  } else if (!discard_others) {
    refuse(stored, description);
  }
}

void Journal::refuse(const std::string& stored, const std::string& description) const {
  const bool one_line = stored.find('\n') == std::string::npos;
  throw core::UserError(path_ + " holds the beginning of other " + kind_.content +
                        (one_line ? " (" + stored + ") than asked for (" + description + ")"
                                  : " than asked for: " + description_differences(stored, description)) +
                        "; finish those first, remove the file, or use --force to drop them");
}

std::optional<std::vector<std::byte>> Journal::next() {
  previous_ = place_;
  return read_frame(descriptor_.number(), end_, 0, place_);
}

void Journal::cut() {
  if (ftruncate(descriptor_.number(), static_cast<off_t>(place_)) != 0)
    fail("cannot be cut to its last whole record");
  end_ = place_;
}

// An open file can be written without a folder, until all the work is done and has no place to go.
void Journal::refuse_lost_folder() const {
  const std::filesystem::path folder = std::filesystem::path(path_).parent_path();
  if (access(folder.empty() ? "." : folder.c_str(), F_OK) == 0 || errno != ENOENT) return;
  throw core::WriteFailure(path_ +
                           ": its folder was removed while it was being written, and what was finished "
                           "with it; make the folder and give the same command again");
}

void Journal::append(std::span<const std::byte> record) {
  refuse_lost_folder();
  if (place_ != end_) cut();
  const auto bytes = framed({}, record);
  if (!core::write_all_at(descriptor_.number(), end_, bytes)) {
    const int problem = errno;
    // A failure to cut is harmless: the next run does it.
    [[maybe_unused]] const int cut = ftruncate(descriptor_.number(), static_cast<off_t>(end_));
    fail_to_grow(problem);
  }
  place_ = end_ += bytes.size();
  if (core::steady_seconds() - synced_ > sync_seconds) sync();
}

void Journal::fail_to_grow(int problem) const {
  throw core::WriteFailure(
      path_ + ": cannot be written: " + core::io_problem(problem) +
      ". What was finished is kept in it; the same command then continues where this one stopped");
}

void Journal::replace(std::span<const std::byte> record) {
  const std::string next = next_of(path_);
  auto bytes = header_;
  append_bytes(bytes, framed({}, record));
  core::FileDescriptor file(open(next.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  const bool done = file.is_open() && take_lock(file.number()) &&
                    core::write_all_at(file.number(), 0, bytes) && fdatasync(file.number()) == 0 &&
                    rename(next.c_str(), path_.c_str()) == 0;
  if (!done) {
    const int problem = errno;
    unlink(next.c_str());
    fail_to_grow(problem);
  }
  descriptor_ = std::move(file);
  previous_ = begin_;
  place_ = end_ = bytes.size();
  synced_ = core::steady_seconds();
}

void Journal::sync() {
  if (fdatasync(descriptor_.number()) != 0) fail("cannot be flushed to disk");
  synced_ = core::steady_seconds();
}

void Journal::remove() {
  unlink(path_.c_str());
  unlink(next_of(path_).c_str());  // of a run that was killed
  removed_ = true;
}

}  // namespace fluxsbi::io
