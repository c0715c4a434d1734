#include "benchmark/work.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <thread>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/file_descriptor.hpp"
#include "core/log.hpp"
#include "core/parallel.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "core/version.hpp"
#include "io/atomic_file.hpp"
#include "io/lock.hpp"

namespace fluxsbi::benchmark {

namespace {

namespace fs = std::filesystem;

enum class State { waiting, mine, done, failed, elsewhere, stopped };

// The lock, or nothing where another process has it. A file system without locks gives an empty descriptor.
std::optional<core::FileDescriptor> try_lock(const std::string& folder) {
  try {
    return io::lock_folder(folder);
  } catch (const core::UserError&) {
    return {};
  }
}

void make_folder(const std::string& folder) {
  std::error_code problem;
  fs::create_directories(folder, problem);
  if (problem) io::fail_to_write(folder, problem.value());
}

// A line of steps.jsonl: what ran, by how many threads of which version, and how long it took.
void note_step(const Work& work, const Step& step, int threads, const StepEnd* end) {
  nlohmann::ordered_json line{{"step", step.name}, {"threads", threads}, {"version", core::version}};
  if (end) {
    line["seconds"] = end->seconds;
    line["exit"] = end->status;
  }
  std::ofstream(work.folder + "/steps.jsonl", std::ios::app) << line.dump() << "\n";
}

class Worker {
 public:
  Worker(const std::vector<Work>& parts, const WorkOptions& options)
      : parts_(parts),
        options_(options),
        begin_(fs::file_time_type::clock::now()),
        states_(parts.size(), State::waiting) {}

  WorkResult run() {
    core::for_each_in_parallel(std::max<int64_t>(1, options_.jobs), static_cast<int>(options_.jobs),
                               [this](int64_t) { take_parts(); });
    core::log::end_progress();
    const auto count = [this](State state) { return std::count(states_.begin(), states_.end(), state); };
    return {count(State::done), count(State::failed), count(State::elsewhere),
            count(State::stopped) + count(State::waiting)};
  }

 private:
  bool stopping() const { return options_.stop && options_.stop() != 0; }
  int threads() const { return options_.threads > 0 ? options_.threads : core::usable_threads(); }

  // Each thread takes the next part that nobody has, until none is left or all that are left belong to
  // others.
  void take_parts() {
    double alone_since = -1;
    while (!stopping()) {
      const int64_t part = next_part(alone_since >= 0);
      if (part < 0) {
        if (!any_elsewhere()) return;
        const double now = core::steady_seconds();
        if (alone_since < 0) alone_since = now;
        if (now - alone_since > options_.patience) return;
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        continue;
      }
      const State state = work_on(parts_[static_cast<size_t>(part)]);
      if (state != State::elsewhere) alone_since = -1;
      const std::lock_guard guard(mutex_);
      states_[static_cast<size_t>(part)] = state;
    }
  }

  // A part that waits; with `again` one that another process had, each once between two answers of -1. -1:
  // none.
  int64_t next_part(bool again) {
    const std::lock_guard guard(mutex_);
    auto found = std::find(states_.begin(), states_.end(), State::waiting);
    if (found == states_.end() && again) {
      found = std::find(states_.begin() + turn_, states_.end(), State::elsewhere);
      turn_ = found == states_.end() ? 0 : found - states_.begin() + 1;
    }
    if (found == states_.end()) return -1;
    *found = State::mine;
    return found - states_.begin();
  }

  bool any_elsewhere() {
    const std::lock_guard guard(mutex_);
    return std::find(states_.begin(), states_.end(), State::elsewhere) != states_.end();
  }

  State work_on(const Work& work) {
    for (const auto& shared : work.before) {
      State state = work_alone(*shared);
      while (state == State::elsewhere && !stopping()) {  // it takes seconds
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        state = work_alone(*shared);
      }
      if (state != State::done) return state;
    }
    return work_alone(work);
  }

  State work_alone(const Work& work) {
    if (!work.prepare && is_done(work)) return State::done;
    make_folder(work.folder);
    const auto lock = try_lock(work.folder);
    if (!lock) return State::elsewhere;
    if (failed_elsewhere(work)) return State::failed;
    try {
      if (work.prepare) work.prepare();
      return run_steps(work, lock->number());
    } catch (const core::UserError& problem) {
      return failed(work, "", problem.what());
    }
  }

  // Another process tried it since this one began; it has said why it failed.
  bool failed_elsewhere(const Work& work) const {
    std::error_code none;
    const auto failure = fs::last_write_time(work.folder + "/failure.txt", none);
    return !none && failure > begin_;
  }

  State run_steps(const Work& work, int lock) {
    bool any = false;
    for (size_t i = 0; i < work.steps.size(); ++i) {
      const Step& step = work.steps[i];
      if (is_done(step)) continue;
      any = true;
      const std::string title = work.name + ": " + step.name + " (step " + std::to_string(i + 1) + " of " +
                                std::to_string(work.steps.size()) + ")";
      step.brief ? core::log::progress(title) : core::log::info(title);
      core::log::debug(command_line(step));
      note_step(work, step, threads(), nullptr);
      const StepEnd end = run_step(step, {work.folder + "/log.txt", lock, options_.threads, options_.stop});
      if (end.stopped) return State::stopped;
      note_step(work, step, threads(), &end);
      if (!end.problem.empty()) return failed(work, step.name, end.problem);
    }
    std::error_code ignored;
    fs::remove(work.folder + "/failure.txt", ignored);
    if (any) core::log::info(work.name + ": done");
    return State::done;
  }

  State failed(const Work& work, const std::string& step, const std::string& problem) {
    const std::string what = (step.empty() ? "" : step + ": ") + problem;
    core::log::error(work.name + ": " + what + (step.empty() ? "" : " (" + work.folder + "/log.txt)"));
    std::ofstream(work.folder + "/failure.txt") << what << "\n";
    return State::failed;
  }

  const std::vector<Work>& parts_;
  const WorkOptions& options_;
  const fs::file_time_type begin_;
  std::mutex mutex_;
  std::vector<State> states_;
  std::ptrdiff_t turn_ = 0;  ///< where the search for parts of others goes on
};

}  // namespace

bool is_done(const Work& work) {
  const auto all = [](const Work& some) {
    return std::all_of(some.steps.begin(), some.steps.end(), [](const Step& step) { return is_done(step); });
  };
  return all(work) && std::all_of(work.before.begin(), work.before.end(),
                                  [&](const auto& shared) { return all(*shared); });
}

WorkResult work_through(const std::vector<Work>& parts, const WorkOptions& options) {
  return Worker(parts, options).run();
}

}  // namespace fluxsbi::benchmark
