// The user's own simulator: a program that reads rows of theta and writes rows of x.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "config/table.hpp"
#include "data/simulate/row_simulator.hpp"
#include "data/simulate/rows_text.hpp"

namespace fluxsbi::data {

/// The `simulator` section.
struct SimulatorOptions {
  std::optional<std::string> command;  ///< run through /bin/sh, once for each batch
  std::optional<int64_t> workers;      ///< batches that run side by side; absent: one for each usable thread
  int64_t batch = 100;                 ///< rows a run of the command
  double timeout_seconds = 0;          ///< of one run of the command; 0: none
  int64_t retries = 0;                 ///< further runs of a row that failed by itself
  int64_t lines = 1;                   ///< of output that hold one row of x
  std::optional<int64_t> max_length;   ///< rows of x have up to so many values; absent: all as many
  bool deterministic = false;          ///< x is meant to be a function of theta alone
};
const config::Table<SimulatorOptions>& simulator_table();

/// If so many rows fail, each run by itself, before any has succeeded, the command counts as broken: of a
/// command that succeeds once in a hundred rows, one in 23,000 does so. A warning comes much earlier.
inline constexpr int64_t broken_after = 1000, warned_after = 20;

/// Runs `command` once for each batch. Standard input: CSV with a header (theta's names), a row a line, with
/// the digits that tell each number (write_rows). Standard output: a line of x for each row (or as many as
/// `lines` says), numbers separated by commas or blanks; a header is recognised by a field that is no number
/// and skipped; an empty field is NaN. Environment: FLUXSBI_SEED (for programs that draw random numbers: a
/// number of (seed, first row)), FLUXSBI_ROW (first row) and FLUXSBI_ROWS; where several workers run,
/// OMP_NUM_THREADS, OPENBLAS_NUM_THREADS and MKL_NUM_THREADS are 1 unless the user has set them.
///
/// A run that fails (exit status other than 0, time limit, another number of lines than rows) is taken apart
/// and every row run by itself, so that one bad row does not cost its neighbours. A row fails by itself when
/// its run does, or with another number of values than the rows before, or with values that are not finite
/// numbers. With max_length a row may have fewer values, and NaN fills it up.
class CommandSimulator final : public RowSimulator {
 public:
  /// x_dim: values a row if known, else 0. `stop` as in core::Command.
  CommandSimulator(SimulatorOptions options, std::vector<std::string> theta_names, uint64_t seed,
                   int64_t x_dim, std::function<int()> stop);

  /// Throws UserError with the command's last words while no row has ever succeeded: for exit status 126 or
  /// 127 (no such command) at once, else after broken_after failed rows. After a success the command has
  /// vanished where all rows of a batch end so (of single rows, warned_after one after the other).
  SimulatedBatch run(int64_t first_row, std::span<const double> theta) override;

  /// Says that rows have succeeded in an earlier run, so that failures are the rows' own.
  void known_to_work() { succeeded_ = true; }
  bool has_succeeded() const { return succeeded_; }

  /// Runs `rows` copies of a row of theta under a seed; what it gives counts for nothing else.
  struct Probe {
    std::vector<double> x;  ///< [rows, x_dim], finite; empty if a row failed
    bool timed_out = false, stopped = false;
  };
  Probe probe(std::span<const double> theta, int64_t rows, uint64_t seed, double timeout_seconds);

 private:
  struct Attempt;
  Attempt attempt(int64_t first_row, std::span<const double> theta, uint64_t seed, double timeout_seconds);
  /// One run of the command.
  Attempt attempt(int64_t first_row, std::span<const double> theta);
  /// One row by itself, with retries.
  Attempt run_alone(int64_t row, std::span<const double> theta);
  void check_lines(std::span<const ParsedRow> lines, int64_t first_row, SimulatedBatch& batch);
  /// Keeps count until a row has succeeded; throws when the command counts as broken.
  void note(const Attempt& attempt);
  /// Throws where a command that worked is no longer there. `missing`: of these rows run by themselves.
  void check_presence(size_t rows, size_t missing, const Attempt& last);

  SimulatorOptions options_;
  std::vector<std::string> theta_names_;
  uint64_t seed_;
  std::function<int()> stop_;
  std::mutex guard_;                 ///< of the next two
  int64_t x_dim_;                    ///< 0, or of the first row that succeeded
  int64_t failures_ = 0;             ///< rows, until one has succeeded
  std::atomic<int64_t> missing_{0};  ///< batches of one row that found no command, one after the other
  std::atomic<bool> succeeded_{false}, said_that_batches_fail_{false};
};

}  // namespace fluxsbi::data
