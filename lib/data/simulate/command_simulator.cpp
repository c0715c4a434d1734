#include "data/simulate/command_simulator.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <system_error>
#include <utility>

#include "core/error.hpp"
#include "core/io_problem.hpp"
#include "core/log.hpp"
#include "core/process.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "data/simulate/rows_text.hpp"

namespace fluxsbi::data {

/// What one run of the command gave.
struct CommandSimulator::Attempt {
  SimulatedBatch batch;    ///< void unless `reason` is empty
  std::string reason;      ///< why the run as a whole failed
  std::string error_tail;  ///< last words on standard error
  bool no_such_command = false, timed_out = false;
};

namespace {

constexpr size_t lines_beyond =
    1000000;  // so many more than were asked for come of a program that never ends

int64_t workers_of(const SimulatorOptions& options) {
  return options.workers.value_or(core::usable_threads());
}

// What one run may write: the numbers of a text take up to eight times as much memory as it, and workers run
// side by side.
size_t most_output(const SimulatorOptions& options) {
  constexpr uint64_t least = uint64_t{64} << 20, share = 16;
  const auto workers = static_cast<uint64_t>(workers_of(options));
  return std::clamp<uint64_t>(core::available_memory() / (share * workers), least, core::max_command_output);
}

std::string reason_of(const core::CommandResult& result, const SimulatorOptions& options, size_t rows,
                      const std::vector<ParsedRow>& read, size_t most) {
  if (result.timed_out) {
    return "ran longer than simulator.timeout_seconds = " + core::number_text(options.timeout_seconds);
  }
  if (result.too_long) return "wrote more than " + core::bytes_text(static_cast<double>(most));
  if (result.status > 128) return "ended by signal " + std::to_string(result.status - 128);
  if (result.status != 0) return "exit status " + std::to_string(result.status);
  const size_t lines = read.size(), wanted = rows * static_cast<size_t>(options.lines);
  if (lines == wanted) return {};
  if (lines > wanted + lines_beyond)
    return "wrote more than " + std::to_string(lines - 1) + " lines of x for " +
           core::count_text(static_cast<int64_t>(rows), "row") + " of theta";
  if (options.lines > 1)
    return "wrote " + core::count_text(static_cast<int64_t>(lines), "line") + " of x for " +
           core::count_text(static_cast<int64_t>(rows), "row") + " of theta, which take " +
           std::to_string(wanted) + " (simulator.lines = " + std::to_string(options.lines) + ")";
  const std::string wrote = "wrote " + core::count_text(static_cast<int64_t>(lines), "row") + " of x for " +
                            std::to_string(rows) + " of theta";
  const auto text = core::trimmed(std::string_view(result.output).substr(0, result.output.find('\n')));
  if (lines == 0 && !text.empty())
    return wrote + " (its first line is no row of numbers: '" + std::string(text.substr(0, 60)) + "')";
  const auto words =
      std::find_if(read.begin(), read.end(), [](const ParsedRow& line) { return !line.problem.empty(); });
  if (words != read.end())
    return wrote + "; one of them holds words (" + words->problem +
           "), which belong on standard error or behind a #";
  if (lines == 0 || lines % rows != 0) return wrote;
  return wrote +
         "; if a simulation takes several lines, set simulator.lines: " + std::to_string(lines / rows);
}

core::CommandResult run_shell(const core::Command& command) {
  try {
    return core::run(command);
  } catch (const std::system_error& problem) {
    throw core::UserError("cannot run simulator.command: " + core::io_problem(problem.code().value()));
  }
}

SimulatedBatch all_failed(int64_t first_row, size_t rows, const std::string& reason) {
  SimulatedBatch batch;
  batch.failed.assign(rows, 1);
  batch.first_failure = "row " + std::to_string(first_row) + ": " + reason;
  return batch;
}

std::string last_words(const std::string& error_tail) {
  if (error_tail.empty()) return "It wrote nothing on standard error.";
  return "Its last words on standard error:\n" + error_tail;
}

// The last lines on standard error, in one line.
std::string with_last_lines(const std::string& reason, const std::string& error_tail) {
  constexpr size_t most_lines = 3, most_bytes = 300;
  std::vector<std::string> lines;
  for (size_t at = 0; at < error_tail.size();) {
    const size_t end = std::min(error_tail.find('\n', at), error_tail.size());
    const auto line = core::trimmed(std::string_view(error_tail).substr(at, end - at));
    if (!line.empty()) lines.emplace_back(line);
    at = end + 1;
  }
  if (lines.empty()) return reason;
  if (lines.size() > most_lines) lines.erase(lines.begin(), lines.end() - most_lines);
  std::string text = core::join(lines, " | ");
  if (text.size() > most_bytes) text = "..." + text.substr(text.size() - most_bytes);
  return reason + "; standard error ends with: " + text;
}

// One thread for each worker, unless the user has chosen: libraries would start as many as there are cores in
// each.
std::vector<std::string> thread_limits(const SimulatorOptions& options) {
  std::vector<std::string> limits;
  const int64_t workers = workers_of(options);
  for (const char* name : {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"}) {
    if (workers > 1 && std::getenv(name) == nullptr) limits.push_back(std::string(name) + "=1");
  }
  return limits;
}

bool any_succeeded(const SimulatedBatch& batch) {
  return std::find(batch.failed.begin(), batch.failed.end(), 0) != batch.failed.end();
}

/// Adds the rows of `part` to `whole`.
void append(SimulatedBatch& whole, const SimulatedBatch& part) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  if (whole.x_dim == 0 && part.x_dim > 0) {
    whole.x_dim = part.x_dim;
    whole.x.assign(whole.failed.size() * static_cast<size_t>(part.x_dim), nan);
  }
  whole.failed.insert(whole.failed.end(), part.failed.begin(), part.failed.end());
  whole.x.insert(whole.x.end(), part.x.begin(), part.x.end());
  whole.x.resize(whole.failed.size() * static_cast<size_t>(whole.x_dim), nan);
  if (whole.first_failure.empty()) whole.first_failure = part.first_failure;
}

}  // namespace

const config::Table<SimulatorOptions>& simulator_table() {
  static const auto table =
      config::Table<SimulatorOptions>("simulator",
                                      "Your own simulator, for `fluxsbi simulate` and `fluxsbi train "
                                      "--online`: a command that reads rows "
                                      "of theta as CSV with a header on standard input and writes a line of "
                                      "x for each row on standard output.")
          .add("command", &SimulatorOptions::command, config::any<std::optional<std::string>>(),
               "the command, which /bin/sh runs once for each batch; its environment has FLUXSBI_SEED, "
               "FLUXSBI_ROW and FLUXSBI_ROWS")
          .add("workers", &SimulatorOptions::workers, config::if_given(config::integer_between(1, 4096)),
               "how many commands run side by side; null: one for each usable thread")
          .add("batch", &SimulatorOptions::batch, config::integer_between(1, 1000000),
               "how many rows one run of the command gets")
          .add("timeout_seconds", &SimulatorOptions::timeout_seconds, config::number_at_least(0),
               "the time in seconds after which a run of the command is stopped; 0: no limit")
          .add("retries", &SimulatorOptions::retries, config::integer_between(0, 100),
               "how often a row is tried again that failed on its own")
          .add("lines", &SimulatorOptions::lines, config::integer_between(1, 10000000),
               "how many lines of output hold the x of one simulation, one after the other")
          .add("max_length", &SimulatorOptions::max_length,
               config::if_given(config::integer_between(1, 10000000)),
               "the largest number of values in a row of x, where rows differ in length: shorter ones are "
               "filled up with NaN, which data.nan: pad takes for absent; null: all rows have as many")
          .add("deterministic", &SimulatorOptions::deterministic, config::any<bool>(),
               "true: x is a function of theta alone, and no check is made that different seeds give "
               "different noise");
  return table;
}

CommandSimulator::CommandSimulator(SimulatorOptions options, std::vector<std::string> theta_names,
                                   uint64_t seed, int64_t x_dim, std::function<int()> stop)
    : options_(std::move(options)),
      theta_names_(std::move(theta_names)),
      seed_(seed),
      stop_(std::move(stop)),
      x_dim_(options_.max_length.value_or(x_dim)) {
  for (const std::string& name : theta_names_) {
    if (name.find_first_of("\r\n") == std::string::npos) continue;
    throw core::UserError("data.names.theta: " + core::quoted(name) +
                          " holds a line break, and simulator.command reads the names in one line; give it "
                          "another name");
  }
}

CommandSimulator::Attempt CommandSimulator::attempt(int64_t first_row, std::span<const double> theta) {
  const uint64_t seed = core::derive_seed(seed_, core::Purpose::simulator, static_cast<uint64_t>(first_row));
  return attempt(first_row, theta, seed, options_.timeout_seconds);
}

CommandSimulator::Attempt CommandSimulator::attempt(int64_t first_row, std::span<const double> theta,
                                                    uint64_t seed, double timeout_seconds) {
  const size_t rows = theta.size() / theta_names_.size();
  // 31 bits: what every language's seed function takes
  std::vector<std::string> environment{"FLUXSBI_SEED=" + std::to_string(seed >> 33),
                                       "FLUXSBI_ROW=" + std::to_string(first_row),
                                       "FLUXSBI_ROWS=" + std::to_string(rows)};
  for (auto& limit : thread_limits(options_)) environment.push_back(std::move(limit));
  const std::string input = write_rows(theta_names_, theta);
  const size_t most = most_output(options_);
  const auto result = run_shell({.arguments = {"/bin/sh", "-c", *options_.command},
                                 .input = input,
                                 .environment = environment,
                                 .timeout_seconds = timeout_seconds,
                                 .stop = stop_,
                                 .most_output = most});
  Attempt attempt;
  attempt.error_tail = result.error_tail;
  attempt.batch.stopped = result.stopped;
  attempt.timed_out = result.timed_out;
  if (result.stopped) return attempt;
  std::vector<ParsedRow> lines;  // of a run that ended well
  if (result.status == 0 && !result.timed_out) {
    lines = read_rows(result.output, rows * static_cast<size_t>(options_.lines) + lines_beyond + 1);
  }
  attempt.reason = reason_of(result, options_, rows, lines, most);
  if (!attempt.reason.empty()) attempt.reason = with_last_lines(attempt.reason, result.error_tail);
  attempt.no_such_command = result.status == 126 || result.status == 127;
  if (!attempt.reason.empty()) return attempt;
  check_lines(joined_lines(std::move(lines), static_cast<size_t>(options_.lines)), first_row, attempt.batch);
  return attempt;
}

void CommandSimulator::check_lines(std::span<const ParsedRow> lines, int64_t first_row,
                                   SimulatedBatch& batch) {
  const auto finite = [](const ParsedRow& line) {
    return line.problem.empty() && !line.values.empty() &&
           std::all_of(line.values.begin(), line.values.end(), [](double v) { return std::isfinite(v); });
  };
  const std::scoped_lock lock(guard_);
  if (x_dim_ == 0) {  // the length of most rows: one bad row costs no other
    std::map<int64_t, int64_t> rows_of_length;
    for (const ParsedRow& line : lines) rows_of_length[std::ssize(line.values)] += finite(line);
    int64_t most = 0;
    for (const auto& [length, rows] : rows_of_length) {
      if (rows > most) x_dim_ = length;
      most = std::max(most, rows);
    }
  }
  batch.x_dim = x_dim_;
  for (const ParsedRow& line : lines) {
    std::string problem = line.problem;
    const int64_t length = std::ssize(line.values);
    if (problem.empty() && options_.max_length && length > x_dim_) {
      problem = core::count_text(length, "value") +
                " of x, more than simulator.max_length = " + std::to_string(x_dim_);
    } else if (problem.empty() && !options_.max_length && length != x_dim_ && x_dim_ > 0) {
      problem = core::count_text(length, "value") + " of x instead of " + std::to_string(x_dim_) +
                " (rows of different length need simulator.max_length)";
    }
    if (problem.empty() && !finite(line))
      problem = line.values.empty() ? "no value of x" : not_finite_text(line.values);
    batch.failed.push_back(!problem.empty());
    const auto row_end = batch.failed.size() * static_cast<size_t>(x_dim_);
    if (problem.empty()) {
      batch.x.insert(batch.x.end(), line.values.begin(), line.values.end());
    } else if (batch.first_failure.empty()) {
      batch.first_failure =
          "row " + std::to_string(first_row + std::ssize(batch.failed) - 1) + ": " + problem;
    }
    batch.x.resize(row_end, std::numeric_limits<double>::quiet_NaN());
  }
}

void CommandSimulator::note(const Attempt& attempt) {
  if (any_succeeded(attempt.batch)) succeeded_ = true;
  if (succeeded_) return;
  const std::scoped_lock lock(guard_);
  const int64_t before = failures_;
  failures_ += std::ssize(attempt.batch.failed);
  if (before < warned_after && failures_ >= warned_after && !attempt.no_such_command) {
    core::log::warning("none of the first " + std::to_string(failures_) + " rows has succeeded (" +
                       attempt.batch.first_failure + "); going on until " + std::to_string(broken_after) +
                       " have failed");
  }
  if (failures_ < broken_after && !attempt.no_such_command) return;
  throw core::UserError("simulator.command: no row has succeeded of " + std::to_string(failures_) + " (" +
                        attempt.batch.first_failure + "); correct the command or the prior. " +
                        last_words(attempt.error_tail));
}

CommandSimulator::Probe CommandSimulator::probe(std::span<const double> theta, int64_t rows, uint64_t seed,
                                                double timeout_seconds) {
  std::vector<double> copies;
  for (int64_t i = 0; i < rows; ++i) copies.insert(copies.end(), theta.begin(), theta.end());
  const Attempt tried = attempt(0, copies, seed, timeout_seconds);
  const auto& failed = tried.batch.failed;
  const bool good =
      tried.reason.empty() && !failed.empty() && std::count(failed.begin(), failed.end(), 0) == rows;
  return {good ? tried.batch.x : std::vector<double>(), tried.timed_out, tried.batch.stopped};
}

void CommandSimulator::check_presence(size_t rows, size_t missing, const Attempt& last) {
  if (missing == 0) {
    missing_ = 0;
    return;
  }
  if (missing < rows || (rows == 1 && ++missing_ < warned_after)) return;
  throw core::UserError("simulator.command worked before and is not there any more (" +
                        last.batch.first_failure +
                        "); what was finished is kept: put it back and give the same command again. " +
                        last_words(last.error_tail));
}

CommandSimulator::Attempt CommandSimulator::run_alone(int64_t row, std::span<const double> theta) {
  Attempt last;
  for (int64_t tried = 0; tried <= options_.retries; ++tried) {
    last = attempt(row, theta);
    if (last.batch.stopped) return last;
    if (!last.reason.empty()) last.batch = all_failed(row, 1, last.reason);
    if (any_succeeded(last.batch)) break;
  }
  return last;
}

SimulatedBatch CommandSimulator::run(int64_t first_row, std::span<const double> theta) {
  const size_t dim = theta_names_.size(), rows = theta.size() / dim;
  SimulatedBatch whole;
  std::string reason;  // why the rows failed together
  if (rows > 1) {
    Attempt together = attempt(first_row, theta);
    if (together.batch.stopped) return together.batch;
    if (together.reason.empty()) {
      note(together);
      return together.batch;
    }
    reason = together.reason;
  }
  size_t missing = 0;
  for (size_t row = 0; row < rows; ++row) {
    const Attempt alone = run_alone(first_row + static_cast<int64_t>(row), theta.subspan(row * dim, dim));
    if (alone.batch.stopped) return alone.batch;
    note(alone);
    missing += alone.no_such_command;
    check_presence(rows, missing, alone);
    append(whole, alone.batch);
  }
  const bool none_failed =
      std::count(whole.failed.begin(), whole.failed.end(), 0) == std::ssize(whole.failed);
  if (rows > 1 && none_failed && !said_that_batches_fail_.exchange(true)) {
    core::log::warning(
        "rows " + std::to_string(first_row) + " to " +
        std::to_string(first_row + static_cast<int64_t>(rows) - 1) +
        " failed together and succeeded each by itself, so simulator.command runs once for each "
        "row, where one run for " +
        std::to_string(rows) + " would do. Together: " + reason +
        ". Let it answer all rows that it is given, or set simulator.batch: 1");
  }
  return whole;
}

}  // namespace fluxsbi::data
