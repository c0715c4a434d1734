#include "experiment/ensemble.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "checkpoint/model_file.hpp"
#include "checkpoint/training_state.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/stop.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "engine/device.hpp"
#include "experiment/member_processes.hpp"
#include "experiment/training_run.hpp"
#include "io/atomic_file.hpp"
#include "io/lock.hpp"

namespace fluxsbi::experiment {

namespace {

namespace fs = std::filesystem;

// The members of a run folder and what is left to do for them.
class Ensemble {
 public:
  Ensemble(std::string run, const train::TrainingOptions& training, const Execution& execution,
           const Continuation& how)
      : run_(std::move(run)), training_(training), execution_(execution), how_(how) {}

  // Trains those that have not finished, and joins all.
  void train() {
    const std::vector<MemberTask> tasks = unfinished();
    if (tasks.empty() && has_model(run_)) {
      core::log::info(run_ + ": the ensemble has finished; to train longer, use --steps with a larger total");
      return;
    }
    if (const auto done = training_.ensemble - std::ssize(tasks); done > 0)
      core::log::info(std::to_string(done) + " of " + std::to_string(training_.ensemble) +
                      " members have finished already");
    const auto failures = how_.members.program.empty() ? train_here(tasks) : train_side_by_side(tasks);
    if (!failures.empty()) refuse(failures);
    join();
  }

 private:
  static bool has_model(const std::string& folder) {
    std::error_code ignored;
    return fs::is_regular_file(folder + "/model.safetensors", ignored);
  }

  std::vector<MemberTask> unfinished() const {
    std::vector<MemberTask> tasks;
    for (int64_t number = 1; number <= training_.ensemble; ++number) {
      const std::string folder = member_folder(run_, number);
      if (!has_model(folder) || goes_further(folder))
        tasks.push_back({number, folder, words_of(number, folder)});
    }
    return tasks;
  }

  // Whether a finished member is to train longer.
  bool goes_further(const std::string& folder) const {
    if (!how_.steps) return false;
    const auto state = checkpoint::load_latest_state(folder);
    return state && state->step < *how_.steps;
  }

  static bool has_begun(const std::string& folder) {
    std::error_code ignored;
    return fs::exists(folder + "/config.yaml", ignored);
  }

  std::vector<std::string> words_of(int64_t number, const std::string& folder) const {
    std::vector<std::string> words;
    if (has_begun(folder)) {
      words = {"resume", folder};
      if (how_.steps) words.insert(words.end(), {"--steps", std::to_string(*how_.steps)});
      if (how_.restart_rate) words.emplace_back("--restart-rate");
      for (const std::string& data : how_.data) words.insert(words.end(), {"--data", data});
    } else {
      words = {
          "train",  run_ + "/config.yaml", "-o", folder, "--set", "training.member=" + std::to_string(number),
          "--force"};
    }
    words.insert(words.end(), {"--quiet", "--device", execution_.device, "--engine", execution_.engine});
    return words;
  }

  // On CPUs one thread a member is most efficient. Bits depend on a member's number of threads, so that is
  // the same however many are trained side by side.
  std::vector<MemberFailure> train_side_by_side(const std::vector<MemberTask>& tasks) const {
    const bool cpu = engine::choose_device(execution_.device).device.is_cpu();
    const int64_t usable = core::usable_threads();
    ProcessPlan plan{how_.members.program,
                     run_,
                     1,
                     cpu ? std::max<int64_t>(1, usable / training_.ensemble) : usable,
                     training_.ensemble,
                     training_.nsteps};
    plan.jobs = how_.members.jobs.value_or(cpu ? std::max<int64_t>(1, usable / plan.threads) : 1);
    plan.jobs = std::min(plan.jobs, std::ssize(tasks));
    if (!tasks.empty())
      core::log::info("training " + core::count_text(std::ssize(tasks), "member") + ", " +
                      std::to_string(plan.jobs) + " at a time with " +
                      core::count_text(plan.threads, "thread") + " each (" + run_ + "/members)");
    return train_in_processes(tasks, plan);
  }

  std::vector<MemberFailure> train_here(const std::vector<MemberTask>& tasks) const {
    std::vector<MemberFailure> failures;
    for (const MemberTask& task : tasks) {
      const std::string name =
          "member " + std::to_string(task.number) + " of " + std::to_string(training_.ensemble);
      core::log::info("training " + name);
      try {
        train_member(task);
        core::log::tee(run_ + "/train.log");
        core::log::info(name + " " + outcome_of_member(task.folder));
      } catch (const core::UserError& problem) {
        core::log::tee(run_ + "/train.log");
        core::log::error(name + " failed: " + problem.what());
        failures.push_back({task.number, problem.what()});
      }
    }
    return failures;
  }

  void train_member(const MemberTask& task) const {
    if (has_begun(task.folder)) return resume_run(task.folder, how_, execution_);
    config::Value document = config::load_yaml(run_ + "/config.yaml");
    config::set_from_command_line(document, "training.member=" + std::to_string(task.number));
    start_run(document, {task.folder, /*force=*/true, execution_});
  }

  [[noreturn]] void refuse(const std::vector<MemberFailure>& failures) const {
    std::map<std::string, std::vector<int64_t>> by_reason;
    for (const MemberFailure& failure : failures) by_reason[failure.reason].push_back(failure.number);
    std::string text = std::to_string(failures.size()) + " of " + std::to_string(training_.ensemble) +
                       " members failed, so " + run_ + " has no model yet";
    for (const auto& [reason, numbers] : by_reason)
      text += "; member " + core::list_first(numbers) + ": " + reason;
    throw core::UserError(text + ". The others are kept, and `fluxsbi resume " + run_ +
                          "` trains what is missing");
  }

  void join() const {
    std::vector<checkpoint::ModelFile> members;
    for (int64_t number = 1; number <= training_.ensemble; ++number)
      members.push_back(checkpoint::load_model(member_folder(run_, number) + "/model.safetensors"));
    const checkpoint::ModelFile model = checkpoint::join_members(std::move(members), config_text());
    checkpoint::save_model(run_ + "/model.safetensors", model);
    core::log::info("all " + std::to_string(training_.ensemble) + " members have finished; wrote " + run_ +
                    "/model.safetensors");
    core::log::info(next_commands(run_, model.shape.x_dim > 0));
  }

  std::string config_text() const {
    return resolved_yaml(read_experiment(config::load_yaml(run_ + "/config.yaml")));
  }

  const std::string run_;
  const train::TrainingOptions training_;
  const Execution& execution_;
  const Continuation& how_;
};

}  // namespace

std::string member_folder(const std::string& run, int64_t number) {
  return run + "/members/" + std::to_string(number);
}

std::string best_member(const std::string& run_or_file, const checkpoint::ModelFile& model,
                        const std::string& purpose) {
  const auto best = std::ranges::min_element(model.members, {}, &checkpoint::ModelFile::validation_loss);
  const int64_t number = best - model.members.begin() + 1;
  const std::string folder = member_folder(run_or_file, number);
  std::error_code ignored;
  if (!fs::is_regular_file(folder + "/model.safetensors", ignored))
    throw core::UserError(run_or_file + " is an ensemble, and " + purpose + "; " + folder +
                          ", its best member, is not there: name the run folder of a member");
  core::log::info(run_or_file + " is an ensemble of " + std::to_string(model.members.size()) + ", and " +
                  purpose + ": its member " + std::to_string(number) + ", whose validation loss is lowest (" +
                  folder + ")");
  return folder;
}

void train_members(const std::string& folder, const train::TrainingOptions& training,
                   const Execution& execution, const Members& members) {
  Continuation how;
  how.members = members;
  Ensemble(folder, training, execution, how).train();
}

void resume_ensemble(const std::string& folder, Experiment experiment, const Continuation& how,
                     const Execution& execution) {
  const core::FileDescriptor lock = io::lock_folder(folder);
  core::log::tee(folder + "/train.log");
  settle_data(how.data, experiment.data, folder);
  io::write_text(folder + "/config.yaml", resolved_yaml(experiment));
  Ensemble(folder, experiment.training, execution, how).train();
}

}  // namespace fluxsbi::experiment
