#include "data/simulate/command_simulator.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <system_error>
#include <utility>

#include "core/error.hpp"
#include "core/process.hpp"
#include "core/text.hpp"
#include "data/simulate/rows_text.hpp"

namespace fluxsbi::data {

/// What one run of the command gave.
struct CommandSimulator::Attempt {
  SimulatedBatch batch;    ///< void unless `reason` is empty
  std::string reason;      ///< why the run as a whole failed
  std::string error_tail;  ///< last words on standard error
  bool no_such_command = false;
};

namespace {

std::string reason_of(const core::CommandResult& result, const SimulatorOptions& options, size_t rows,
                      size_t lines) {
  if (result.timed_out) {
    return "ran longer than simulator.timeout_seconds = " + core::number_text(options.timeout_seconds);
  }
  if (result.too_long) return "wrote more than " + core::bytes_text(core::max_command_output);
  if (result.status > 128) return "ended by signal " + std::to_string(result.status - 128);
  if (result.status != 0) return "exit status " + std::to_string(result.status);
  if (lines != rows) {
    return "wrote " + std::to_string(lines) + " rows of x for " + std::to_string(rows) + " of theta";
  }
  return {};
}

core::CommandResult run_shell(const core::Command& command) {
  try {
    return core::run(command);
  } catch (const std::system_error& problem) {
    throw core::UserError(std::string("cannot run simulator.command: ") + problem.what());
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

bool any_succeeded(const SimulatedBatch& batch) {
  return std::find(batch.failed.begin(), batch.failed.end(), 0) != batch.failed.end();
}

/// Adds the rows of `part` to `whole`.
void append(SimulatedBatch& whole, const SimulatedBatch& part) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
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
               "how often a row is tried again that failed on its own");
  return table;
}

CommandSimulator::CommandSimulator(SimulatorOptions options, std::vector<std::string> theta_names,
                                   uint64_t seed, int64_t x_dim, std::function<int()> stop)
    : options_(std::move(options)),
      theta_names_(std::move(theta_names)),
      seed_(seed),
      stop_(std::move(stop)),
      x_dim_(x_dim) {}

CommandSimulator::Attempt CommandSimulator::attempt(int64_t first_row, std::span<const float> theta) {
  const size_t rows = theta.size() / theta_names_.size();
  const uint64_t seed = core::derive_seed(seed_, core::Purpose::simulator, static_cast<uint64_t>(first_row));
  // 31 bits: what every language's seed function takes
  const std::vector<std::string> environment{"FLUXSBI_SEED=" + std::to_string(seed >> 33),
                                             "FLUXSBI_ROW=" + std::to_string(first_row),
                                             "FLUXSBI_ROWS=" + std::to_string(rows)};
  const std::string input = write_rows(theta_names_, theta);
  const auto result = run_shell({.arguments = {"/bin/sh", "-c", *options_.command},
                                 .input = input,
                                 .environment = environment,
                                 .timeout_seconds = options_.timeout_seconds,
                                 .stop = stop_});
  Attempt attempt;
  attempt.error_tail = result.error_tail;
  attempt.batch.stopped = result.stopped;
  if (result.stopped) return attempt;
  const auto lines = read_rows(result.output);
  attempt.reason = reason_of(result, options_, rows, lines.size());
  attempt.no_such_command = result.status == 126 || result.status == 127;
  if (!attempt.reason.empty()) return attempt;
  check_lines(lines, first_row, attempt.batch);
  return attempt;
}

void CommandSimulator::check_lines(std::span<const ParsedRow> lines, int64_t first_row,
                                   SimulatedBatch& batch) {
  const auto finite = [](const ParsedRow& line) {
    return line.problem.empty() && !line.values.empty() &&
           std::all_of(line.values.begin(), line.values.end(), [](float v) { return std::isfinite(v); });
  };
  const std::scoped_lock lock(guard_);
  if (x_dim_ == 0) {
    const auto good = std::find_if(lines.begin(), lines.end(), finite);
    if (good != lines.end()) x_dim_ = std::ssize(good->values);
  }
  batch.x_dim = x_dim_;
  for (const ParsedRow& line : lines) {
    std::string problem = line.problem;
    if (problem.empty() && std::ssize(line.values) != x_dim_ && x_dim_ > 0) {
      problem = std::to_string(line.values.size()) + " values of x instead of " + std::to_string(x_dim_);
    }
    if (problem.empty() && !finite(line)) problem = "x is not finite in float32";
    batch.failed.push_back(!problem.empty());
    const auto row_end = batch.failed.size() * static_cast<size_t>(x_dim_);
    if (problem.empty()) {
      batch.x.insert(batch.x.end(), line.values.begin(), line.values.end());
    } else {
      batch.x.resize(row_end, std::numeric_limits<float>::quiet_NaN());
      if (batch.first_failure.empty()) {
        batch.first_failure =
            "row " + std::to_string(first_row + std::ssize(batch.failed) - 1) + ": " + problem;
      }
    }
  }
}

void CommandSimulator::note(const Attempt& attempt) {
  if (any_succeeded(attempt.batch)) succeeded_ = true;
  if (succeeded_) return;
  const std::scoped_lock lock(guard_);
  failures_ += std::ssize(attempt.batch.failed);
  if (failures_ < broken_after && !attempt.no_such_command) return;
  throw core::UserError("simulator.command: no row has succeeded (" + attempt.batch.first_failure +
                        "); correct the command or the prior. " + last_words(attempt.error_tail));
}

CommandSimulator::Attempt CommandSimulator::run_alone(int64_t row, std::span<const float> theta) {
  Attempt last;
  for (int64_t tried = 0; tried <= options_.retries; ++tried) {
    last = attempt(row, theta);
    if (last.batch.stopped) return last;
    if (!last.reason.empty()) last.batch = all_failed(row, 1, last.reason);
    if (any_succeeded(last.batch)) break;
  }
  return last;
}

SimulatedBatch CommandSimulator::run(int64_t first_row, std::span<const float> theta) {
  const size_t dim = theta_names_.size(), rows = theta.size() / dim;
  if (rows > 1) {
    Attempt together = attempt(first_row, theta);
    if (together.batch.stopped) return together.batch;
    if (together.reason.empty()) {
      note(together);
      return together.batch;
    }
  }
  SimulatedBatch whole;
  for (size_t row = 0; row < rows; ++row) {
    const Attempt alone = run_alone(first_row + static_cast<int64_t>(row), theta.subspan(row * dim, dim));
    if (alone.batch.stopped) return alone.batch;
    note(alone);
    append(whole, alone.batch);
  }
  return whole;
}

}  // namespace fluxsbi::data
