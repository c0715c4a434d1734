// What turns rows of theta into rows of x: a built-in task or the user's own program.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/tasks/task.hpp"

namespace fluxsbi::data {

/// The simulations of one batch of rows.
struct SimulatedBatch {
  int64_t x_dim = 0;            ///< 0: not known, as every row failed
  std::vector<double> x;        ///< [rows, x_dim], NaN where failed
  std::vector<uint8_t> failed;  ///< [rows]
  std::string first_failure;    ///< "row 17: exit status 1", empty if none failed
  bool stopped = false;         ///< ended by a stop signal; the rest is void
};

class RowSimulator {
 public:
  virtual ~RowSimulator() = default;
  /// Simulates the consecutive rows that begin with number first_row; theta [rows, theta_dim]. Safe to call
  /// from several threads.
  virtual SimulatedBatch run(int64_t first_row, std::span<const double> theta) = 0;
};

/// A built-in task; row i draws from the stream (seed, i). Its x are numbers of float32.
class TaskSimulator final : public RowSimulator {
 public:
  TaskSimulator(const Task& task, uint64_t seed) : task_(task), seed_(seed) {}
  SimulatedBatch run(int64_t first_row, std::span<const double> theta) override;

 private:
  const Task& task_;
  uint64_t seed_;
};

/// "value 2 of x, counted from 0, is not finite (nan)": the first such value; "" where there is none.
std::string not_finite_text(std::span<const double> x);

/// Marks rows with values that are not finite as failed and fills them with NaN.
void mark_failures(SimulatedBatch& batch, int64_t first_row);

}  // namespace fluxsbi::data
