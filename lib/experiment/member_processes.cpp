#include "experiment/member_processes.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <span>
#include <sstream>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/mman.h>

#include "checkpoint/model_file.hpp"
#include "core/error.hpp"
#include "core/file_descriptor.hpp"
#include "core/log.hpp"
#include "core/process.hpp"
#include "core/stop.hpp"
#include "core/system.hpp"
#include "core/text.hpp"

namespace fluxsbi::experiment {

namespace {

// The end of a file as text, at most `most` bytes; "" where there is none.
std::string end_of_file(int descriptor, uint64_t most) {
  const uint64_t size = core::size_of_file(descriptor), first = size > most ? size - most : 0;
  std::string text(size - first, '\0');
  text.resize(core::read_all_at(descriptor, first, std::as_writable_bytes(std::span(text))));
  return text;
}

// What the last whole line of a run's metrics.jsonl says.
struct Seen {
  int64_t step = 0;
  std::optional<double> best_validation;
};

Seen last_metrics(const std::string& folder) {
  constexpr uint64_t some_lines = 2048;
  const core::FileDescriptor file(::open((folder + "/metrics.jsonl").c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return {};
  Seen seen;
  std::string text = end_of_file(file.number(), some_lines);
  const size_t whole = text.rfind('\n');
  text.resize(whole == std::string::npos ? 0 : whole);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) continue;  // the first line may lack its beginning
    seen.step = json.value("step", seen.step);
    if (json.contains("best_val_loss") && json["best_val_loss"].is_number())
      seen.best_validation = json["best_val_loss"].get<double>();
  }
  return seen;
}

// A member's process and what it writes to standard error.
class MemberProcess {
 public:
  MemberProcess(const MemberTask& task, const ProcessPlan& plan)
      : task_(task),
        first_step_(last_metrics(task.folder).step),
        nothing_(::open("/dev/null", O_RDWR | O_CLOEXEC)),
        errors_(memfd_create("fluxsbi-member", MFD_CLOEXEC)),
        process_(core::Process::start_bound_program(
            words_of(task, plan), {"OMP_NUM_THREADS=" + std::to_string(plan.threads)},
            {nothing_.number(), nothing_.number(), errors_.number()}, {SIGKILL})) {}

  const MemberTask& task() const { return task_; }
  int64_t first_step() const { return first_step_; }
  bool has_ended() { return process_.has_ended(); }
  int exit_code() { return process_.wait(); }
  void ask_to_stop() { process_.ask_to_stop(); }

  // Why it failed, by its exit code and its last words.
  std::string reason(int code) const {
    constexpr uint64_t most = 4000;
    const std::string mark = "error: ", text = end_of_file(errors_.number(), most);
    const size_t begin = text.find(mark);
    if (begin != std::string::npos) {
      const size_t end = text.find_last_not_of('\n');
      return text.substr(begin + mark.size(), end + 1 - begin - mark.size());
    }
    if (code == 128 + SIGKILL)
      return "its process was killed, most often for want of memory; lower training.batch_size, or train "
             "fewer members side by side (--jobs)";
    if (code == static_cast<int>(core::ExitCode::stopped)) return "its process was stopped by a signal";
    return "its process ended with exit code " + std::to_string(code) + (text.empty() ? "" : ": " + text);
  }

 private:
  static std::vector<std::string> words_of(const MemberTask& task, const ProcessPlan& plan) {
    std::vector<std::string> words{plan.program};
    words.insert(words.end(), task.words.begin(), task.words.end());
    return words;
  }

  const MemberTask& task_;
  int64_t first_step_;  // of this session
  core::FileDescriptor nothing_, errors_;
  core::Process process_;
};

class MemberProcesses {
 public:
  MemberProcesses(const std::vector<MemberTask>& tasks, const ProcessPlan& plan)
      : tasks_(tasks), plan_(plan) {}

  std::vector<MemberFailure> run() {
    core::set_last_words("ended at once; `fluxsbi resume " + plan_.run +
                         "` goes on from each member's last checkpoint");
    while (!running_.empty() || (!signal_ && next_ < tasks_.size())) {
      look_for_stop();
      while (!signal_ && next_ < tasks_.size() && std::ssize(running_) < plan_.jobs) start(tasks_[next_++]);
      take_ended();
      show();
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
    }
    core::log::end_progress();
    core::set_last_words("");
    if (signal_ && (stopped_ > 0 || next_ < tasks_.size())) stop();
    return std::move(failures_);
  }

 private:
  void look_for_stop() {
    if (signal_ || !core::stop_requested()) return;
    signal_ = core::stop_requested();
    for (const auto& member : running_) member->ask_to_stop();
  }

  void start(const MemberTask& task) {
    try {
      running_.push_back(std::make_unique<MemberProcess>(task, plan_));
    } catch (const std::system_error& problem) {
      throw core::UserError(std::string("no process for a member of the ensemble: ") + problem.what() +
                            "; train fewer side by side (--jobs)");
    }
  }

  void take_ended() {
    for (size_t i = 0; i < running_.size();) {
      if (!running_[i]->has_ended()) {
        ++i;
        continue;
      }
      take(*running_[i], running_[i]->exit_code());
      running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }

  void take(MemberProcess& member, int code) {
    look_for_stop();  // a scheduler's signal may have reached the member first
    const int64_t number = member.task().number;
    const std::string name = "member " + std::to_string(number) + " of " + std::to_string(plan_.members);
    steps_of_ended_ += last_metrics(member.task().folder).step - member.first_step();
    if (code == 0) {
      ++finished_;
      core::log::info(name + " " + outcome_of_member(member.task().folder));
    } else if (signal_ && (code == static_cast<int>(core::ExitCode::stopped) || code >= 128)) {
      ++stopped_;
      saved_ += code == static_cast<int>(core::ExitCode::stopped);
    } else {
      failures_.push_back({number, member.reason(code)});
      core::log::error(name + " failed: " + failures_.back().reason);
      const bool others = running_.size() > 1 || next_ < tasks_.size();  // this one still stands among them
      if (others) core::log::info("the other members go on");
    }
  }

  [[noreturn]] void stop() const {
    const std::string by = std::string("stopped by ") + core::signal_name(signal_);
    if (saved_ > 0 || finished_ > 0)
      throw core::Stopped(by + "; the members' checkpoints are saved, `fluxsbi resume " + plan_.run +
                          "` continues from them");
    throw core::Interrupted(
        signal_, by + " before a member had done a step; `fluxsbi resume " + plan_.run + "` begins again");
  }

  void show() {
    constexpr double progress_interval = 0.5, line_interval = 30;
    const double now = core::steady_seconds();
    const bool terminal = core::log::shows_progress();
    if (running_.empty() || now - shown_ < (terminal ? progress_interval : line_interval)) return;
    shown_ = now;
    if (terminal) {
      core::log::progress(line(now));
    } else {
      core::log::info(line(now));
    }
  }

  // "2 of 4 members finished; 3: step 1200/5000, validation 0.531; 4: step 1100/5000; 6 min left"
  std::string line(double now) const {
    std::string text = std::to_string(plan_.members - std::ssize(tasks_) + finished_) + " of " +
                       std::to_string(plan_.members) + " members finished";
    int64_t done = steps_of_ended_, left = (std::ssize(tasks_) - static_cast<int64_t>(next_)) * plan_.nsteps;
    for (const auto& member : running_) {
      const Seen seen = last_metrics(member->task().folder);
      done += seen.step - member->first_step();
      left += std::max<int64_t>(0, plan_.nsteps - seen.step);
      text += "; " + std::to_string(member->task().number) + ": step " + std::to_string(seen.step) + "/" +
              std::to_string(plan_.nsteps);
      if (seen.best_validation) text += ", validation " + core::brief_text(*seen.best_validation);
    }
    if (done <= 0) return text;
    const double rate = static_cast<double>(done) / (now - began_);
    return text + "; " + core::duration_text(static_cast<double>(left) / rate) + " left";
  }

  const std::vector<MemberTask>& tasks_;
  const ProcessPlan& plan_;
  std::vector<std::unique_ptr<MemberProcess>> running_;
  std::vector<MemberFailure> failures_;
  size_t next_ = 0;  // task to start
  int signal_ = 0;   // that asked to stop
  int64_t finished_ = 0, stopped_ = 0, saved_ = 0, steps_of_ended_ = 0;
  double began_ = core::steady_seconds(), shown_ = began_;
};

}  // namespace

std::vector<MemberFailure> train_in_processes(const std::vector<MemberTask>& tasks, const ProcessPlan& plan) {
  return MemberProcesses(tasks, plan).run();
}

std::string outcome_of_member(const std::string& folder) {
  const checkpoint::ModelFile model = checkpoint::load_model(folder + "/model.safetensors");
  return "has finished: best validation loss " + core::brief_text(model.validation_loss) + " at step " +
         std::to_string(model.step);
}

}  // namespace fluxsbi::experiment
