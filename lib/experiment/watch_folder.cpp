#include <array>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/stop.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "core/write_failure.hpp"
#include "data/files/observations.hpp"
#include "experiment/observation_line.hpp"
#include "experiment/watch.hpp"
#include "io/atomic_file.hpp"
#include "io/files.hpp"
#include "io/folder_watch.hpp"
#include "io/lock.hpp"
#include "io/output.hpp"
#include "io/text_file.hpp"
#include "sample/files/sample_head.hpp"
#include "sample/rejection.hpp"

namespace fluxsbi::experiment {

namespace {

namespace fs = std::filesystem;

constexpr double patience = 0.5;  // seconds between two looks at the folder, where no event ends the wait

bool is_observations(const std::string& name) {
  static const std::set<std::string> extensions{".npz", ".npy", ".h5",  ".hdf5", ".csv",
                                                ".txt", ".dat", ".tsv", ".json"};
  return extensions.contains(io::extension_of(name));
}

int64_t nanoseconds_of(const timespec& time) {
  return time.tv_sec * int64_t{1000000000} + time.tv_nsec;
}

std::optional<struct stat> status_of(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return {};
  return status;
}

class FolderService {
 public:
  FolderService(sample::Posterior& posterior, const WatchRequest& request,
                const sample::SamplingOptions& options, std::string source)
      : posterior_(posterior), request_(request), options_(options), source_(std::move(source)) {}

  [[noreturn]] void run() {
    const core::FileDescriptor lock = io::lock_folder(request_.folder);
    io::FolderWatch folder(source_);
    const sample::OneRejectionReport one_report;
    core::log::info("waiting for files of observations in " + source_ + "; results go to " + request_.folder);
    if (const std::string why = folder.no_events(); !why.empty())
      core::log::info("the system does not tell of new files in " + source_ + " (" + why +
                      "): it is looked at twice a second, and a file counts as whole when it has not "
                      "changed for two seconds");
    while (true) {
      bool worked = false;
      for (const std::string& name : folder.whole_files()) {
        stop_where_asked();
        if (!is_observations(name) || !has_own_stem(name)) continue;
        if (is_done(name)) {
          look_at_result(name);
          continue;
        }
        answer(name);
        worked = true;
      }
      stop_where_asked();
      if (!worked) folder.wait(patience);
    }
  }

 private:
  void stop_where_asked() const {
    if (const int signal = core::stop_requested())
      throw core::Stopped(std::string("stopped by ") + core::signal_name(signal) + " after " +
                          core::count_text(answered_, "file") + "; the same command goes on with the others");
  }

  std::string result_of(const std::string& name) const { return stem(name) + request_.extension; }
  std::string error_of(const std::string& name) const { return stem(name) + ".error"; }
  std::string stem(const std::string& name) const {
    return request_.folder + "/" + fs::path(name).stem().string();
  }

  // The first file of a stem gets the result of that name; says once of another that it gets none.
  bool has_own_stem(const std::string& name) {
    const auto [first, added] = stems_.emplace(stem(name), name);
    if (first->second == name) return true;
    if (warned_.insert(name).second)
      core::log::warning(name + " has no result of its own: it has the stem of " + first->second +
                         "; give it another name");
    return false;
  }

  // Answered, in this run or an earlier one, or refused since it changed last.
  bool is_done(const std::string& name) const {
    std::error_code none;
    const bool again = request_.force && !answered_here_.contains(name);
    if (!again && fs::exists(result_of(name), none)) return true;
    const int64_t changed = changed_at(name);
    const auto refused = refused_here_.find(name);  // whatever the clocks of the folders say
    if (refused != refused_here_.end() && refused->second == changed) return true;
    const auto status = status_of(error_of(name));
    return status && nanoseconds_of(status->st_mtim) >= changed;
  }

  // Written, or renamed into the folder, which a time of writing would not tell.
  int64_t changed_at(const std::string& name) const {
    const auto status = status_of(source_ + "/" + name);
    return status ? nanoseconds_of(status->st_ctim) : 0;
  }

  // Once of each file, and again when it has changed: whether the result that is there answers it. One of
  // another model, seed or other options, or of what the file held before, would be taken for the answer.
  void look_at_result(const std::string& name) {
    const auto result = status_of(result_of(name));
    if (!result) return;
    const int64_t changed = changed_at(name);
    const auto [known, is_new] = looked_at_.emplace(name, changed);
    if (!is_new && known->second == changed) return;
    known->second = changed;
    const std::string differences =
        differences_of(name, !is_new || changed > nanoseconds_of(result->st_mtim));
    if (differences.empty()) {
      std::error_code none;
      fs::remove(error_of(name), none);  // of a service that asked for other work
      return;
    }
    if (request_.force) {
      answered_here_.erase(name);  // is answered anew
      return;
    }
    refuse(name, "has a result of other work, which stays: " + result_of(name) + " (" + differences +
                     "); remove it to have this answered, or give another name, another -o or --force");
    // So that it is answered when the result has gone.
    refused_here_.erase(name);
    const std::array<timespec, 2> long_ago{};
    utimensat(AT_FDCWD, error_of(name).c_str(), long_ago.data(), 0);
  }

  // What the result of `name` is of that this command would not make; with `all`, its observations are
  // compared, too.
  std::string differences_of(const std::string& name, bool all) const {
    if (all && request_.extension == ".npy")
      return "the file has changed since, and .npy does not say what it holds the samples of";
    try {
      const auto x = all ? observations_in(name).x : std::vector<double>();
      sample::Origin origin;
      origin.model = posterior_.identity();
      origin.seed = request_.seed;
      origin.work = work_of_samples(x, options_);
      return sample::differences_of_samples(result_of(name), origin, request_.draws, x);
    } catch (const core::UserError& problem) {
      return problem.what();
    }
  }

  data::Observations observations_in(const std::string& name) const {
    const std::string path = source_ + "/" + name;
    const data::DataShape& shape = posterior_.shape();
    if (io::extension_of(name) != ".json")
      return data::load_observations(path, shape, posterior_.x_names(), posterior_.joint());
    return data::observations_of(parse_observations(io::read_text(path)), path, shape, posterior_.x_names(),
                                 posterior_.joint());
  }

  void refuse(const std::string& name, const std::string& what) {
    const std::string path = source_ + "/" + name;
    core::log::warning(name + ": " + what);
    refused_here_[name] = changed_at(name);
    io::write_text(error_of(name), (what.starts_with(path) ? "" : path + ": ") + what + "\n");
  }

  void answer(const std::string& name) {
    const std::string path = source_ + "/" + name, result = result_of(name);
    const double begin = core::steady_seconds();
    const int64_t changed = changed_at(name);
    try {
      SamplingRequest request;
      request.model = request_.model;
      request.x = path;
      request.output = result;
      request.draws = request_.draws;
      request.seed = request_.seed;
      request.force = true;  // a part of a result whose observations have changed is dropped
      request.partial = request_.partial;
      request.number_type = request_.number_type;
      request.interruptible = false;
      io::Array values;
      if (io::extension_of(name) == ".json") {
        values = parse_observations(io::read_text(path));
        request.x_values = &values;
      }
      const SamplingOutcome outcome = sample_to_file(posterior_, request, options_);
      std::error_code ignored;
      fs::remove(error_of(name), ignored);
      ++answered_;
      answered_here_.insert(name);
      looked_at_[name] = changed;
      core::log::info(name + ": " + core::count_text(outcome.rows, "observation") + " in " +
                      core::duration_text(core::steady_seconds() - begin) + ", " + result +
                      (outcome.acceptance < 1
                           ? "; inside the prior's support " +
                                 core::number_text(std::round(outcome.acceptance * 1e4) / 100) + " %"
                           : ""));
    } catch (const core::WriteFailure&) {
      throw;  // not the file's fault: the next one would fail, too, and none be tried again
    } catch (const core::UserError& problem) {
      refuse(name, problem.what());
    }
  }

  sample::Posterior& posterior_;
  const WatchRequest& request_;
  const sample::SamplingOptions& options_;
  std::string source_;
  int64_t answered_ = 0;
  std::set<std::string> answered_here_, warned_;
  // When the file had changed last that was refused, or whose result was looked at.
  std::map<std::string, int64_t> refused_here_, looked_at_;
  std::map<std::string, std::string> stems_;
};

}  // namespace

void watch_folder(sample::Posterior& posterior, const WatchRequest& request,
                  const sample::SamplingOptions& options, const std::string& source) {
  FolderService(posterior, request, options, source).run();
}

}  // namespace fluxsbi::experiment
