#include "data/simulate/simulate_to_file.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <mutex>

#include "config/reader.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/parallel.hpp"
#include "data/files/dataset_file.hpp"
#include "data/files/names.hpp"
#include "data/files/theta_rows.hpp"
#include "data/simulate/journal.hpp"
#include "data/simulate/noise_check.hpp"
#include "data/simulate/program_files.hpp"
#include "data/simulate/row_simulator.hpp"
#include "data/simulate/simulate.hpp"
#include "io/atomic_file.hpp"
#include "io/output.hpp"
#include "io/source.hpp"

namespace fluxsbi::data {

namespace {

constexpr int64_t task_batch = 4096;  // rows a record of a built-in task, which are quick

/// What is to be simulated, checked and built.
struct Plan {
  std::unique_ptr<Task> task;
  std::unique_ptr<Prior> own_prior;
  const Prior* prior = nullptr;    ///< may be null where theta is given
  std::optional<ThetaRows> given;  ///< rows of theta that come from a file
  int64_t dim = 0;                 ///< of theta
  int64_t rows = 0;
  std::vector<std::string> theta_names;
  std::string description;  ///< one line; the same for the same simulations
  std::string program;      ///< one line; the command and what its files hold, empty for a task
  int64_t batch = 0;
  std::vector<std::string> files;

  /// Writes theta of a row, [dim].
  void theta_of(int64_t row, uint64_t seed, std::span<float> theta) const {
    if (!given) return draw_theta(*prior, seed, row, theta);
    std::copy_n(given->theta.begin() + row * dim, dim, theta.begin());
  }
};

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

void plan_command(const SimulateRequest& request, Plan& plan) {
  if (!request.simulator.command || request.simulator.command->empty()) {
    throw core::UserError("nothing to simulate: name a built-in task, or set simulator.command and prior");
  }
  plan.batch = request.simulator.batch;
  plan.program = program_text(*request.simulator.command);
  const int64_t dim = std::max(prior_dim(request.prior), std::ssize(request.theta_names));
  const bool no_density = request.prior.kind == PriorKind::none || request.prior.kind == PriorKind::custom;
  if (!request.theta_file && no_density) {
    throw core::UserError(
        "simulator.command needs a prior to draw theta from; give prior.parameters, set prior.kind to box, normal or "
        "lognormal (found " +
        config::name_of(request.prior.kind) + "), or name a file of theta with --theta");
  }
  if (dim == 0 && !request.theta_file)
    throw core::UserError("the prior section has no numbers; give low and high, or mean and scale");
  if (dim == 0) return;
  plan.own_prior = make_prior(request.prior, dim);
  plan.prior = plan.own_prior.get();
  plan.dim = dim;
  if (request.theta_file) return;
  config::Writer writer;
  writer.add(prior_table(), plan.own_prior->options());
  plan.description += one_line(writer.text());
}

// Reads the rows of theta that are given, and says what the user should know of them.
void plan_theta(const SimulateRequest& request, Plan& plan) {
  plan.given = load_theta_rows(*request.theta_file, plan.dim, request.theta_names);
  const ThetaRows& given = *plan.given;
  plan.dim = std::ssize(given.theta) / given.rows;
  if (request.simulations > given.rows) {
    throw core::UserError(given.source + " gives " + std::to_string(given.rows) +
                          " rows of theta, fewer than the " + std::to_string(request.simulations) +
                          " simulations asked for; leave out -n");
  }
  plan.rows = request.simulations > 0 ? request.simulations : given.rows;
  plan.description +=
      "given theta with CRC-32 " + std::to_string(io::crc32(std::as_bytes(std::span(given.theta)))) + ", ";
  for (const auto& remark : given.remarks) core::log::warning(remark);
  int64_t outside = 0, first = 0;
  for (int64_t row = 0; plan.prior && row < plan.rows; ++row) {
    const auto begin = given.theta.begin() + row * plan.dim;
    if (plan.prior->in_support(std::vector<double>(begin, begin + plan.dim))) continue;
    if (outside++ == 0) first = row;
  }
  core::log::info(given.source + ": simulating at " + std::to_string(plan.rows) + " rows of theta");
  if (outside > 0) {
    core::log::warning(given.source + ": " + std::to_string(outside) + " of " + std::to_string(plan.rows) +
                       " rows of theta lie outside the prior's support, the first is row " +
                       std::to_string(first) + " (counted from 0); they are simulated as they are");
  }
}

Plan make_plan(const SimulateRequest& request) {
  if (request.simulations < (request.theta_file ? 0 : 1))
    throw core::UserError("the number of simulations must be at least 1");
  Plan plan;
  plan.files = simulation_files(request.output);
  for (const auto& file : plan.files) io::check_output(file, request.force || request.retry_failed, {});
  if (request.task) {
    if (request.simulator.command) {
      throw core::UserError("both a task and simulator.command are given; keep one of them");
    }
    plan.task = make_task(*request.task);
    plan.prior = &plan.task->prior();
    plan.dim = plan.prior->dim();
    plan.batch = task_batch;
    plan.description = "task " + *request.task + ", ";
    resolve_names(request.x_names, "x", plan.task->x_dim());
  } else {
    plan_command(request, plan);
  }
  plan.rows = request.simulations;
  if (request.theta_file) plan_theta(request, plan);
  plan.theta_names = resolve_names(request.theta_names, "theta", plan.dim);
  plan.description += "seed " + std::to_string(request.seed);
  return plan;
}

/// Rows [first, end) that are still to be made.
struct Batch {
  int64_t first, end;
};

/// The file beside OUT.partial that tells which program makes its rows.
std::string program_note(const std::string& output) {
  return output + ".partial.program";
}

/// Compares the program with the one that began OUT.partial, and notes it.
void check_program(const SimulateRequest& request, const Plan& plan) {
  if (plan.program.empty()) return;
  const std::string partial = request.output + ".partial", note = program_note(request.output);
  if (std::filesystem::exists(partial) && std::filesystem::exists(note)) {
    const auto bytes = io::FileSource(note).read_all();
    const std::string begun(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (begun == plan.program) return;
    if (!request.force && !request.retry_failed) {
      throw core::UserError(
          partial + " was begun by another program (" + begun + ") than it is now (" + plan.program +
          "; the numbers are checksums of files); --retry-failed keeps the rows that succeeded and "
          "runs the others with the new program, --force begins anew");
    }
    if (request.force) Journal(partial, plan.description, true, [](const JournalRecord&) {}).remove();
  }
  io::write_text(note, plan.program);
}

/// Removes the note where there is no partial output any more.
void forget_program(const std::string& output) {
  std::error_code ignored;
  if (!std::filesystem::exists(output + ".partial")) std::filesystem::remove(program_note(output), ignored);
}

enum class RowState : uint8_t { open, succeeded, failed };

/// The consecutive rows of a record that succeeded, as records.
std::vector<JournalRecord> succeeded_parts(const JournalRecord& record) {
  std::vector<JournalRecord> parts;
  const auto rows = record.failed.size();
  for (size_t first = 0; first < rows; ++first) {
    if (record.failed[first]) continue;
    size_t end = first;
    while (end < rows && !record.failed[end]) ++end;
    const auto cut = [&](const std::vector<float>& values, int64_t width) {
      const auto begin = values.begin() + static_cast<int64_t>(first) * width;
      return std::vector<float>(begin, begin + static_cast<int64_t>(end - first) * width);
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
  Run(const SimulateRequest& request, const Plan& plan)
      : request_(request),
        plan_(plan),
        done_(static_cast<size_t>(plan.rows)),
        journal_(request.output + ".partial", plan.description, request.force,
                 [this](const JournalRecord& record) { note_earlier(record); }) {
    if (request.retry_failed && !request.force) take_over_output();
    if (plan.task) {
      simulator_ = std::make_unique<TaskSimulator>(*plan.task, request.seed);
      return;
    }
    const int64_t x_dim = x_dim_ > 0 ? x_dim_ : std::ssize(request.x_names);
    auto command = std::make_unique<CommandSimulator>(request.simulator, plan.theta_names, request.seed,
                                                      x_dim, request.stop);
    if (outcome_.resumed > outcome_.failed) command->known_to_work();
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
  /// Counts the rows of a record that this request asks for.
  void count(int64_t first_row, const std::vector<uint8_t>& failed) {
    for (size_t i = 0; i < failed.size(); ++i) {
      const int64_t row = first_row + static_cast<int64_t>(i);
      if (row >= plan_.rows) continue;
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
      std::vector<float> theta(static_cast<size_t>(plan_.dim));
      plan_.theta_of(row, request_.seed, theta);
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
    std::vector<float> drawn(theta.size());
    JournalRecord record{0, dim, x_dim, {}, {}, {}};
    for (int64_t row = 0; row < rows; ++row) {
      pair.theta.values->read(row, 1, theta);
      pair.x.values->read(row, 1, x);
      plan_.theta_of(row, request_.seed, drawn);
      const auto same = [](float a, double b) {
        return a == static_cast<float>(b);
      };  // text has shortest digits
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
  }

  void simulate_batch(const Batch& batch) {
    if (request_.stop && request_.stop() != 0) return;
    const auto dim = static_cast<size_t>(plan_.dim);
    JournalRecord record;
    record.first_row = batch.first;
    record.theta_dim = plan_.dim;
    record.theta.resize(static_cast<size_t>(batch.end - batch.first) * dim);
    for (int64_t row = batch.first; row < batch.end; ++row) {
      plan_.theta_of(row, request_.seed,
                     std::span(record.theta).subspan(static_cast<size_t>(row - batch.first) * dim, dim));
    }
    SimulatedBatch simulated = simulator_->run(batch.first, record.theta);
    if (simulated.stopped) return;
    record.x_dim = simulated.x_dim;
    record.x = std::move(simulated.x);
    record.failed = std::move(simulated.failed);
    const std::scoped_lock lock(guard_);
    journal_.append(record);
    count(record.first_row, record.failed);
    x_dim_ = std::max(x_dim_, record.x_dim);
    if (outcome_.first_failure.empty()) outcome_.first_failure = simulated.first_failure;
    if (request_.progress) request_.progress(finished_, plan_.rows, outcome_.failed);
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
    all.x.assign(rows * x_dim, std::numeric_limits<float>::quiet_NaN());
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
  const Plan& plan_;
  std::vector<RowState> done_;
  int64_t finished_ = 0;
  int64_t x_dim_ = 0;
  SimulateOutcome outcome_;
  Journal journal_;
  std::unique_ptr<RowSimulator> simulator_;
  CommandSimulator* command_ = nullptr;  ///< simulator_, where it is a command
  std::mutex guard_;                     ///< of the journal and the counts
};

}  // namespace

SimulateOutcome simulate_to_file(const SimulateRequest& request) {
  const Plan plan = make_plan(request);
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
