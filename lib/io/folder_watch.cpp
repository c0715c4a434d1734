#include "io/folder_watch.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include <dirent.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.hpp"
#include "core/io_problem.hpp"
#include "core/system.hpp"

namespace fluxsbi::io {

namespace {

constexpr double settled_seconds = 2;
constexpr int64_t nanoseconds = 1000000000;

int64_t time_of(const timespec& time) {
  return time.tv_sec * nanoseconds + time.tv_nsec;
}

}  // namespace

FolderWatch::FolderWatch(std::string folder)
    : folder_(std::move(folder)), events_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  if (DIR* open = opendir(folder_.c_str())) {
    closedir(open);
  } else {
    throw core::UserError(folder_ + ": is no folder that can be watched: " + core::io_problem(errno));
  }
  const bool watched = events_.is_open() && inotify_add_watch(events_.number(), folder_.c_str(),
                                                              IN_CLOSE_WRITE | IN_MOVED_TO | IN_MODIFY) >= 0;
  if (watched) return;
  no_events_ = "inotify: " + core::io_problem(errno);
  events_.reset();
}

// A file that was closed or moved here is whole until it is written again.
void FolderWatch::take_events() {
  alignas(inotify_event) std::array<char, 1 << 14> buffer{};
  while (events_.is_open()) {
    const ssize_t count = ::read(events_.number(), buffer.data(), buffer.size());
    if (count <= 0) return;
    for (ssize_t at = 0; at < count;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
      if (event->len > 0) seen_[event->name].closed = (event->mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) != 0;
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
    }
  }
}

std::vector<std::string> FolderWatch::whole_files() {
  take_events();
  DIR* open = opendir(folder_.c_str());
  if (open == nullptr) throw core::UserError(folder_ + ": cannot be read: " + core::io_problem(errno));
  const double now = core::steady_seconds();
  std::map<std::string, Seen> there;
  std::vector<std::pair<int64_t, std::string>> whole;
  while (const dirent* entry = readdir(open)) {
    const std::string name = entry->d_name;
    struct stat status {};
    if (name[0] == '.' || stat((folder_ + "/" + name).c_str(), &status) != 0 || !S_ISREG(status.st_mode))
      continue;
    Seen seen = seen_[name];
    const int64_t size = status.st_size, time = time_of(status.st_mtim);
    if (seen.size != size || seen.time != time) {
      seen.since = now;
      seen.size = size;
      seen.time = time;
    }
    if (seen.closed || now - seen.since > settled_seconds) whole.emplace_back(time, name);
    there.emplace(name, seen);
  }
  closedir(open);
  seen_ = std::move(there);
  std::sort(whole.begin(), whole.end());
  std::vector<std::string> names;
  for (auto& file : whole) names.push_back(std::move(file.second));
  return names;
}

void FolderWatch::wait(double seconds) {
  const auto milliseconds = static_cast<int>(seconds * 1000);
  if (!events_.is_open()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    return;
  }
  pollfd wanted{events_.number(), POLLIN, 0};
  poll(&wanted, 1, milliseconds);
}

}  // namespace fluxsbi::io
