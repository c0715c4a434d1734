#include "data/simulate/simulate_to_file.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <mutex>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/parallel.hpp"
#include "data/files/dataset_file.hpp"
#include "data/files/names.hpp"
#include "data/simulate/journal.hpp"
#include "data/simulate/noise_check.hpp"
#include "data/simulate/row_simulator.hpp"
#include "data/simulate/simulation_file.hpp"
#include "data/simulate/simulation_plan.hpp"

namespace fluxsbi::data {

namespace {

/// Rows [first, end) that are still to be made.
struct Batch {
  int64_t first, end;
};

enum class RowState : uint8_t { open, succeeded, failed };

/// The consecutive rows of a record that succeeded, as records.
std::vector<JournalRecord> succeeded_parts(const JournalRecord& record) {
  std::vector<JournalRecord> parts;
  const auto rows = record.failed.size();
  for (size_t first = 0; first < rows; ++first) {
    if (record.failed[first]) continue;
    size_t end = first;
    while (end < rows && !record.failed[end]) ++end;
    const auto cut = [&](const std::vector<double>& values, int64_t width) {
      const auto begin = values.begin() + static_cast<int64_t>(first) * width;
      return std::vector<double>(begin, begin + static_cast<int64_t>(end - first) * width);
    };
    parts.push_back({record.first_row + static_cast<int64_t>(first), record.theta_dim, record.x_dim,
                     cut(record.theta, record.theta_dim), cut(record.x, record.x_dim),
                     std::vector<uint8_t>(end - first, 0)});
    first = end;
  }
  return parts;
}

/// Cut at multiples of `size`, so that a resumed run has the batches of one that was never killed.
std::vector<Batch> open_batches(const std::vector<RowState>& done, int64_t size) {
  std::vector<Batch> batches;
  const auto rows = std::ssize(done);
  for (int64_t row = 0; row < rows; ++row) {
    if (done[static_cast<size_t>(row)] != RowState::open) continue;
    const bool joins = !batches.empty() && batches.back().end == row && row % size != 0;
    if (joins) {
      ++batches.back().end;
    } else {
      batches.push_back({row, row + 1});
    }
  }
  return batches;
}

/// The work between opening the journal and writing the output.
class Run {
 public:
  Run(const SimulateRequest& request, const SimulationPlan& plan)
      : request_(request),
        plan_(plan),
        done_(static_cast<size_t>(plan.rows)),
        journal_(request.output + ".partial", plan.description, request.force,
                 [this](const JournalRecord& record) { note_earlier(record); }) {
    refuse_fewer();
    if (request.retry_failed && !request.force) take_over_output();
    if (plan.task) {
      simulator_ = std::make_unique<TaskSimulator>(*plan.task, request.seed);
      return;
    }
    const int64_t x_dim = x_dim_ > 0 ? x_dim_ : std::ssize(request.x_names);
    auto command = std::make_unique<CommandSimulator>(request.simulator, plan.theta_names, request.seed,
                                                      x_dim, request.stop);
    if (outcome_.resumed > outcome_.failed && !expects_success()) command->known_to_work();
    command_ = command.get();
    simulator_ = std::move(command);
  }

  SimulateOutcome finish() {
    if (outcome_.resumed > 0) {
      core::log::info(request_.output + ".partial holds " + std::to_string(outcome_.resumed) + " of " +
                      std::to_string(plan_.rows) + " rows; continuing with the rest");
    }
    check_noise();
    simulate_rest();
    if (finished_ < plan_.rows) stop_here();
    if (outcome_.failed == plan_.rows) {
      journal_.remove();  // a corrected command must not find these rows done
      throw core::UserError("all " + std::to_string(plan_.rows) + " simulations failed (" +
                            outcome_.first_failure + "); nothing was written");
    }
    const bool with_failed = !plan_.task || outcome_.failed > 0;
    save_simulations(request_.output, gather(), with_failed, request_.theta_names, request_.x_names);
    outcome_.files = plan_.files;
    journal_.remove();
    outcome_.rows = plan_.rows;
    return outcome_;
  }

 private:
  /// Rows in the journal behind those that are asked for would go with it when the output is written.
  void refuse_fewer() const {
    if (beyond_ == 0 || request_.force) return;
    const std::string partial = request_.output + ".partial";
    throw core::UserError(partial + " holds simulations up to row " + std::to_string(beyond_ - 1) +
                          ", and the " + std::to_string(plan_.rows) +
                          " asked for would drop those behind them; ask for " + std::to_string(beyond_) +
                          " or more (-n), choose another output, or use --force to drop them");
  }

  /// Whether rows that are open have as good a chance as those that an earlier run made: draws of a prior do,
  /// rows of a file may be sorted, and those that failed once may do so again.
  bool expects_success() const { return plan_.draws && !request_.retry_failed; }

  /// Counts the rows of a record that this request asks for.
  void count(int64_t first_row, const std::vector<uint8_t>& failed) {
    for (size_t i = 0; i < failed.size(); ++i) {
      const int64_t row = first_row + static_cast<int64_t>(i);
      if (row >= plan_.rows) {
        beyond_ = std::max(beyond_, row + 1);
        continue;
      }
      RowState& state = done_[static_cast<size_t>(row)];
      if (state == RowState::open) ++finished_;
      if (state == RowState::failed && !failed[i]) --outcome_.failed;  // tried again
      if (state == RowState::open && failed[i]) ++outcome_.failed;
      if (state != RowState::succeeded) state = failed[i] ? RowState::failed : RowState::succeeded;
    }
  }

  void note_earlier(const JournalRecord& record) {
    core::require(record.theta_dim == plan_.dim, "a journal's description fixes theta's length");
    if (request_.retry_failed) {
      for (const JournalRecord& part : succeeded_parts(record)) count(part.first_row, part.failed);
    } else {
      count(record.first_row, record.failed);
    }
    x_dim_ = std::max(x_dim_, record.x_dim);
    outcome_.resumed = finished_;
  }

  /// Warns of noise that repeats from batch to batch, where there is more than one.
  void check_noise() {
    const bool checked =
        command_ && !request_.simulator.deterministic && outcome_.resumed == 0 && plan_.rows > plan_.batch;
    if (!checked) return;
    const std::string problem = noise_problem(*command_, plan_.batch, [&](int64_t row) {
      std::vector<double> theta(static_cast<size_t>(plan_.dim));
      plan_.theta_of(row, theta);
      return theta;
    });
    if (!problem.empty()) core::log::warning(problem);
  }

  /// The rows of a finished output that succeeded go into the journal.
  void take_over_output() {
    if (!std::all_of(plan_.files.begin(), plan_.files.end(),
                     [](const auto& file) { return std::filesystem::exists(file); }))
      return;
    const SidePair pair = open_pair(request_.output, request_.theta_names, request_.x_names, Loading::whole);
    const int64_t dim = plan_.dim, rows = pair.theta.rows, x_dim = pair.x.values->row_size();
    if (rows > plan_.rows || pair.theta.values->row_size() != dim) {
      throw core::UserError(request_.output + " holds " + std::to_string(rows) + " simulations of " +
                            std::to_string(pair.theta.values->row_size()) + " parameters, asked for are " +
                            std::to_string(plan_.rows) + " of " + std::to_string(dim) +
                            "; --retry-failed needs the command that wrote it, with as many rows or more");
    }
    std::vector<double> theta(static_cast<size_t>(dim)), x(static_cast<size_t>(x_dim));
    std::vector<double> drawn(theta.size());
    JournalRecord record{0, dim, x_dim, {}, {}, {}};
    for (int64_t row = 0; row < rows; ++row) {
      pair.theta.values->read(row, 1, theta);
      pair.x.values->read(row, 1, x);
      plan_.theta_of(row, drawn);
      const auto same = [](double a, double b) {
        return a == b || a == static_cast<float>(b);
      };  // text has float32's shortest digits
      if (!std::equal(drawn.begin(), drawn.end(), theta.begin(), same))
        throw core::UserError(
            request_.output + ": theta of row " + std::to_string(row) +
            " is not the one that this prior and seed give; --retry-failed needs those that wrote it");
      record.theta.insert(record.theta.end(), drawn.begin(), drawn.end());
      record.x.insert(record.x.end(), x.begin(), x.end());
      record.failed.push_back(std::all_of(x.begin(), x.end(), [](double v) { return std::isnan(v); }));
    }
    for (const JournalRecord& part : succeeded_parts(record)) {
      journal_.append(part);
      note_earlier(part);
    }
  }

  void simulate_rest() {
    const auto batches = open_batches(done_, plan_.batch);
    const int workers = static_cast<int>(request_.simulator.workers.value_or(0));
    try {
      core::for_each_in_parallel(std::ssize(batches), workers,
                                 [&](int64_t i) { simulate_batch(batches[static_cast<size_t>(i)]); });
    } catch (const core::UserError&) {
      if (outcome_.failed == finished_) journal_.remove();  // nothing worth keeping
      throw;
    }
    keep_pending();
  }

  void simulate_batch(const Batch& batch) {
    if (request_.stop && request_.stop() != 0) return;
    const auto dim = static_cast<size_t>(plan_.dim);
    JournalRecord record;
    record.first_row = batch.first;
    record.theta_dim = plan_.dim;
    record.theta.resize(static_cast<size_t>(batch.end - batch.first) * dim);
    for (int64_t row = batch.first; row < batch.end; ++row) {
      plan_.theta_of(row, std::span(record.theta).subspan(static_cast<size_t>(row - batch.first) * dim, dim));
    }
    SimulatedBatch simulated = simulator_->run(batch.first, record.theta);
    if (simulated.stopped) return;
    record.x_dim = simulated.x_dim;
    record.x = std::move(simulated.x);
    record.failed = std::move(simulated.failed);
    const std::scoped_lock lock(guard_);
    if (outcome_.first_failure.empty()) outcome_.first_failure = simulated.first_failure;
    if (command_ && !command_->has_succeeded()) {
      pending_.push_back(std::move(record));
      if (outcome_.resumed > 0) check_chance();
      return;
    }
    keep_pending();
    keep(record);
    if (request_.progress) request_.progress(finished_, plan_.rows, outcome_.failed);
  }

  void keep(const JournalRecord& record) {
    journal_.append(record);
    count(record.first_row, record.failed);
    x_dim_ = std::max(x_dim_, record.x_dim);
  }

  void keep_pending() {
    for (const JournalRecord& record : pending_) keep(record);
    pending_.clear();
  }

  /// An earlier run succeeded, and this one does not, more often than by chance: its surroundings lack
  /// something. Its failures are not kept, so that the same command runs these rows again.
  void check_chance() const {
    constexpr double never = 1e-6;
    int64_t rows = 0;
    for (const JournalRecord& record : pending_) rows += std::ssize(record.failed);
    const double failed =
        (static_cast<double>(outcome_.failed) + 1) / (static_cast<double>(outcome_.resumed) + 2);
    if (std::pow(failed, static_cast<double>(rows)) > never) return;
    throw core::UserError(
        "simulator.command: " + std::to_string(outcome_.resumed - outcome_.failed) + " of " +
        std::to_string(outcome_.resumed) + " rows of an earlier run succeeded, and none of the " +
        std::to_string(rows) + " of this one (" + outcome_.first_failure +
        "); what was finished is kept: look for what this run lacks or the config changed, and give the same "
        "command again, or --retry-failed if these rows are to fail");
  }

  [[noreturn]] void stop_here() {
    journal_.sync();
    if (finished_ == outcome_.resumed) {  // a scheduler that started it again would do so for ever
      throw core::Interrupted(request_.stop(), std::string("stopped by ") +
                                                   core::signal_name(request_.stop()) +
                                                   " before another batch of simulations was finished");
    }
    throw core::Stopped(std::string("stopped by ") + core::signal_name(request_.stop()) + " with " +
                        std::to_string(finished_) + " of " + std::to_string(plan_.rows) +
                        " simulations kept in " + request_.output +
                        ".partial; run the same command again to continue");
  }

  Simulations gather() {
    const auto rows = static_cast<size_t>(plan_.rows), dim = plan_.theta_names.size();
    const auto x_dim = static_cast<size_t>(x_dim_);
    Simulations all{plan_.rows, plan_.dim, x_dim_, {}, {}, {}};
    if (plan_.task) all.x_shape = plan_.task->x_shape();
    all.theta.resize(rows * dim);
    all.x.assign(rows * x_dim, std::numeric_limits<double>::quiet_NaN());
    all.failed.assign(rows, 1);
    journal_.replay([&](const JournalRecord& record) {
      core::require(record.x_dim == 0 || record.x_dim == x_dim_, "records of one length");
      for (size_t i = 0; i < record.failed.size(); ++i) {
        const size_t row = static_cast<size_t>(record.first_row) + i;
        if (row >= rows) continue;
        std::copy_n(record.theta.begin() + static_cast<int64_t>(i * dim), dim,
                    all.theta.begin() + static_cast<int64_t>(row * dim));
        if (record.x_dim > 0) {
          std::copy_n(record.x.begin() + static_cast<int64_t>(i * x_dim), x_dim,
                      all.x.begin() + static_cast<int64_t>(row * x_dim));
        }
        all.failed[row] = record.failed[i];
      }
    });
    return all;
  }

  const SimulateRequest& request_;
  const SimulationPlan& plan_;
  std::vector<RowState> done_;
  int64_t finished_ = 0, beyond_ = 0;  ///< beyond_: the end of kept rows that are not asked for, or 0
  int64_t x_dim_ = 0;
  SimulateOutcome outcome_;
  std::vector<JournalRecord> pending_;  ///< failed batches of this run, before a row has succeeded
  Journal journal_;
  std::unique_ptr<RowSimulator> simulator_;
  CommandSimulator* command_ = nullptr;  ///< simulator_, where it is a command
  std::mutex guard_;                     ///< of the journal and the counts
};

}  // namespace

SimulateOutcome simulate_to_file(const SimulateRequest& request) {
  const SimulationPlan plan = make_plan(request);
  check_program(request, plan);
  try {
    const SimulateOutcome outcome = Run(request, plan).finish();
    forget_program(request.output);
    return outcome;
  } catch (...) {
    forget_program(request.output);
    throw;
  }
}

}  // namespace fluxsbi::data
