// The only file that includes spdlog; it must not see LibTorch's include folders (third_party/spdlog.cmake).
#include "core/log.hpp"

#include <cstdio>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "core/error.hpp"
#include "core/log_rank.hpp"

namespace fluxsbi::core::log {

namespace {

constexpr size_t most_early_lines = 100;

struct Line {
  spdlog::log_clock::time_point time;
  spdlog::level::level_enum level;
  std::string text;
};

struct State {
  std::mutex mutex;
  std::shared_ptr<spdlog::logger> console;
  std::shared_ptr<spdlog::logger> file;
  bool terminal = isatty(STDERR_FILENO) != 0;
  bool progress_open = false;
  std::deque<Line> early;  ///< lines from before the first file
  bool had_file = false;
  std::string rank;  ///< "rank 1: "

  State()
      : console(std::make_shared<spdlog::logger>("console",
                                                 std::make_shared<spdlog::sinks::stderr_color_sink_mt>())) {
    console->set_pattern("%^%v%$");
    console->set_level(spdlog::level::info);
  }
};

State& state() {
  static State instance;
  return instance;
}

void close_progress_line(State& log) {
  if (!log.progress_open) return;
  std::fputc('\n', stderr);
  log.progress_open = false;
}

void to_file(State& log, const Line& line) {
  log.file->log(line.time, spdlog::source_loc{}, line.level, line.text);
  log.file->flush();
}

void write(spdlog::level::level_enum level, std::string_view prefix, std::string_view message) {
  State& log = state();
  const std::lock_guard lock(log.mutex);
  if (log.console->should_log(level)) close_progress_line(log);
  log.console->log(level, "{}{}{}", log.rank, prefix, message);
  if (level < spdlog::level::info) return;
  Line line{spdlog::log_clock::now(), level, std::string(prefix) + std::string(message)};
  if (log.file) {
    to_file(log, line);
  } else if (!log.had_file) {
    if (log.early.size() == most_early_lines) log.early.pop_front();
    log.early.push_back(std::move(line));
  }
}

// Whether it is the first time that this is asked of the message.
bool is_new(const std::string& message) {
  static std::mutex guard;
  static std::set<std::string> said;
  const std::lock_guard lock(guard);
  return said.insert(message).second;
}

}  // namespace

void set_level(Level level) {
  constexpr spdlog::level::level_enum levels[] = {spdlog::level::debug, spdlog::level::info,
                                                  spdlog::level::warn, spdlog::level::err};
  state().console->set_level(levels[static_cast<int>(level)]);
}

void set_rank(int rank) {
  if (rank == 0) return;
  set_level(Level::error);
  const std::lock_guard lock(state().mutex);
  state().rank = "rank " + std::to_string(rank) + ": ";
}

void tee(const std::string& path) {
  State& log = state();
  const std::lock_guard lock(log.mutex);
  log.file.reset();
  if (path.empty()) return;
  try {
    log.file =
        std::make_shared<spdlog::logger>("file", std::make_shared<spdlog::sinks::basic_file_sink_mt>(path));
  } catch (const spdlog::spdlog_ex& problem) {
    throw UserError("cannot open the log file " + path + ": " + problem.what());
  }
  log.file->set_pattern("%Y-%m-%d %H:%M:%S %v");
  log.had_file = true;
  for (const Line& line : log.early) to_file(log, line);
  log.early.clear();
}

void debug(std::string_view message) {
  write(spdlog::level::debug, "", message);
}
void info(std::string_view message) {
  write(spdlog::level::info, "", message);
}
void warning(std::string_view message) {
  write(spdlog::level::warn, "warning: ", message);
}
void error(std::string_view message) {
  write(spdlog::level::err, "error: ", message);
}
void info_once(const std::string& message) {
  if (is_new(message)) info(message);
}
void warning_once(const std::string& message) {
  if (is_new(message)) warning(message);
}

bool shows_progress() {
  return state().terminal && state().console->should_log(spdlog::level::info);
}

void progress(std::string_view line) {
  State& log = state();
  const std::lock_guard lock(log.mutex);
  if (!shows_progress()) return;
  std::fprintf(stderr, "\r\033[K%.*s", static_cast<int>(line.size()), line.data());
  std::fflush(stderr);
  log.progress_open = true;
}

void end_progress() {
  State& log = state();
  const std::lock_guard lock(log.mutex);
  close_progress_line(log);
}

}  // namespace fluxsbi::core::log
