#include <cmath>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/stop.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "experiment/observation_line.hpp"
#include "experiment/watch.hpp"
#include "io/atomic_file.hpp"
#include "io/files.hpp"
#include "io/folder_watch.hpp"
#include "io/lock.hpp"
#include "io/output.hpp"
#include "io/text_file.hpp"
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
        if (!is_observations(name) || !has_own_stem(name) || is_done(name)) continue;
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
    const auto refused = fs::last_write_time(error_of(name), none);
    return !none && refused >= fs::last_write_time(source_ + "/" + name, none) && !none;
  }

  void answer(const std::string& name) {
    const std::string path = source_ + "/" + name, result = result_of(name);
    const double begin = core::steady_seconds();
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
      core::log::info(name + ": " + core::count_text(outcome.rows, "observation") + " in " +
                      core::duration_text(core::steady_seconds() - begin) + ", " + result +
                      (outcome.acceptance < 1
                           ? "; inside the prior's support " +
                                 core::number_text(std::round(outcome.acceptance * 1e4) / 100) + " %"
                           : ""));
    } catch (const core::UserError& problem) {
      const std::string what = problem.what();
      core::log::warning(name + ": " + what);
      io::write_text(error_of(name), (what.starts_with(path) ? "" : path + ": ") + what + "\n");
    }
  }

  sample::Posterior& posterior_;
  const WatchRequest& request_;
  const sample::SamplingOptions& options_;
  std::string source_;
  int64_t answered_ = 0;
  std::set<std::string> answered_here_, warned_;
  std::map<std::string, std::string> stems_;
};

}  // namespace

void watch_folder(sample::Posterior& posterior, const WatchRequest& request,
                  const sample::SamplingOptions& options, const std::string& source) {
  FolderService(posterior, request, options, source).run();
}

}  // namespace fluxsbi::experiment
