#include "io/atomic_file.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "core/error.hpp"
#include "core/file_descriptor.hpp"
#include "core/io_problem.hpp"
#include "core/launcher.hpp"
#include "core/write_failure.hpp"

namespace fluxsbi::io {

namespace {

constexpr std::string_view temporary_mark = ".tmp-";  // before PID-COUNTER

// The place of the mark in a name that a temporary file has; npos in others.
size_t mark_in(const std::string& name) {
  const size_t mark = name.rfind(temporary_mark);
  if (mark == std::string::npos) return mark;
  const size_t number = mark + temporary_mark.size();
  const bool ours =
      number < name.size() && name.find_first_not_of("0123456789-", number) == std::string::npos;
  return ours ? mark : std::string::npos;
}

// Temporary files that stood in a folder when this process first wrote there, by the file that they were to
// become: the folder is listed once, however many files are written into it.
std::vector<std::filesystem::path> found_beside(const std::string& path) {
  using Found = std::map<std::string, std::vector<std::filesystem::path>>;
  static std::mutex guard;
  static std::map<std::string, Found> folders;
  const std::filesystem::path place(path);
  const std::string folder = place.parent_path().empty() ? "." : place.parent_path().string();
  const std::scoped_lock lock(guard);
  const auto [known, first] = folders.try_emplace(folder);
  std::error_code ignored;
  if (first) {
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
      const std::string name = entry.path().filename().string();
      if (const size_t mark = mark_in(name); mark != std::string::npos)
        known->second[name.substr(0, mark)].push_back(entry.path());
    }
  }
  auto found = known->second.extract(place.filename().string());
  return found.empty() ? std::vector<std::filesystem::path>() : std::move(found.mapped());
}

// Removes what writers of this path left that were killed. A writer that lives, here or on another machine of
// a shared disk, holds a lock on its file; where there are no locks, nothing is removed.
void remove_abandoned(const std::string& path) {
  for (const auto& leftover : found_beside(path)) {
    const int descriptor = open(leftover.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0) continue;
    if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) unlink(leftover.c_str());
    close(descriptor);
  }
}

// Whether the new file is still there under a lock: another process may have taken it for one that was left.
// Where the disk knows no locks it is.
bool lock_temporary(int descriptor) {
  struct stat now {};
  flock(descriptor, LOCK_EX | LOCK_NB);
  return fstat(descriptor, &now) != 0 || now.st_nlink > 0;
}

}  // namespace

void ignore_file_size_signal() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction now {};
    if (sigaction(SIGXFSZ, nullptr, &now) == 0 && now.sa_handler == SIG_DFL) std::signal(SIGXFSZ, SIG_IGN);
  });
}

std::string link_target(const std::string& path) {
  std::error_code problem;
  if (!std::filesystem::is_symlink(path, problem)) return path;
  const auto target = std::filesystem::weakly_canonical(path, problem);
  return problem ? path : target.string();
}

void flush_folder_of(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  const int descriptor = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;  // writable, but not readable: its entries reach the disk later
  const int problem = fsync(descriptor) == 0 ? 0 : errno;
  close(descriptor);
  if (problem != 0 && problem != EINVAL && problem != ENOTSUP) fail_to_write(path, problem);
}

void fail_to_write(const std::string& path, int error_number) {
  throw core::WriteFailure(path + ": cannot be written: " + core::io_problem(error_number));
}

AtomicFile::AtomicFile(std::string path) : path_(link_target(path)) {
  static std::atomic<unsigned> counter{0};
  ignore_file_size_signal();
  struct stat old {};
  const bool exists = stat(path_.c_str(), &old) == 0;
  if (exists && S_ISDIR(old.st_mode))
    throw core::UserError(path_ + ": cannot be written: it is a folder; name a file in it");
  if (exists &&
      !S_ISREG(old.st_mode)) {  // a device or pipe (/dev/stdout): nothing to keep whole, nothing to replace
    descriptor_ = open(path_.c_str(), O_WRONLY | O_CLOEXEC);
  } else {
    remove_abandoned(path_);
    do {  // a name may be taken: left by a killed process, or by one of another machine on a shared disk
      temporary_ =
          path_ + std::string(temporary_mark) + std::to_string(getpid()) + "-" + std::to_string(counter++);
      descriptor_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (descriptor_ < 0 || lock_temporary(descriptor_)) continue;
      close(descriptor_);
      descriptor_ = -1;
      errno = EEXIST;
    } while (descriptor_ < 0 && errno == EEXIST);
  }
  if (descriptor_ < 0) {
    const int problem = errno;
    temporary_.clear();
    fail_to_write(path_, problem);
  }
  // Keeps the old file's permissions where it may: a file that others may not read stays so.
  if (exists && !temporary_.empty() && fchmod(descriptor_, old.st_mode & 07777) != 0) close_and_fail(errno);
}

void remove_leftovers(const std::string& folder) {
  std::error_code ignored;
  std::vector<std::filesystem::path> leftovers;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (mark_in(name) != std::string::npos && entry.is_regular_file(ignored))
      leftovers.push_back(entry.path());
  }
  for (const auto& path : leftovers) std::filesystem::remove(path, ignored);
}

AtomicFile::~AtomicFile() {
  discard();
}

void AtomicFile::discard() {
  if (descriptor_ >= 0) close(descriptor_);
  descriptor_ = -1;
  if (!temporary_.empty()) unlink(temporary_.c_str());
  temporary_.clear();
}

void AtomicFile::close_and_fail(int problem) {
  discard();
  fail_to_write(path_, problem);
}

void AtomicFile::put(std::span<const std::byte> bytes) {
  core::require(descriptor_ >= 0, "AtomicFile: written after it was committed or had failed");
  if (!core::write_all(descriptor_, bytes)) close_and_fail(errno);
}

void AtomicFile::flush() {
  put(buffer_);
  buffer_.clear();
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  constexpr size_t buffer_size = size_t{1} << 18;
  size_ += bytes.size();
  if (buffer_.size() + bytes.size() <= buffer_size) {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    return;
  }
  flush();
  put(bytes);
}

void AtomicFile::write(std::string_view text) {
  write(std::as_bytes(std::span(text)));
}

void AtomicFile::write_at(uint64_t offset, std::span<const std::byte> bytes) {
  core::require(offset <= size_ && bytes.size() <= size_ - offset, "AtomicFile: write_at beyond the end");
  flush();
  if (!core::write_all_at(descriptor_, offset, bytes)) close_and_fail(errno);
}

void AtomicFile::commit() {
  flush();
  const bool replaces = !temporary_.empty();
  if (replaces && fsync(descriptor_) != 0) close_and_fail(errno);
  const int closed = close(descriptor_);
  descriptor_ = -1;
  if (closed != 0) close_and_fail(errno);
  if (!replaces) return;
  if (rename(temporary_.c_str(), path_.c_str()) != 0) close_and_fail(errno);
  temporary_.clear();
  flush_folder_of(path_);
}

void write_text(const std::string& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

void refuse_existing(const std::string& path, bool force) {
  std::error_code problem;
  const auto status = std::filesystem::status(path, problem);
  const bool holds_something =
      std::filesystem::is_regular_file(status) || std::filesystem::is_directory(status);
  if (!force && holds_something)
    throw core::UserError(path + ": exists; use --force to replace it" + core::several_processes_remedy());
}

uint32_t crc32(std::span<const std::byte> bytes, uint32_t crc) {
  if (bytes.empty()) return crc;  // zlib takes a null pointer for a request to start anew
  return static_cast<uint32_t>(
      crc32_z(crc, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

uint32_t crc32_combine(uint32_t first, uint32_t second, uint64_t second_bytes) {
  return static_cast<uint32_t>(::crc32_combine(first, second, static_cast<z_off_t>(second_bytes)));
}

}  // namespace fluxsbi::io
