// Simulation on several threads, reproducible row by row.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/prior/prior.hpp"
#include "data/tasks/task.hpp"

namespace fluxsbi::data {

/// The theta that a prior gives to numbered rows. Components are rounded to float32 where that keeps a
/// thousandth of their spread in the prior apart, and left in float64 elsewhere (times in seconds since 1970,
/// say).
class ThetaDraws {
 public:
  /// `prior` must outlive this.
  ThetaDraws(const Prior& prior, uint64_t seed);
  /// Writes theta of row `row` [dim], within the support after rounding. It depends on (seed, row) alone.
  /// Throws UserError for a support narrower than its numbers are apart.
  void draw(int64_t row, std::span<double> theta) const;

 private:
  const Prior& prior_;
  uint64_t seed_;
  std::vector<uint8_t> rounded_;  ///< [dim], to float32
};

/// Simulations of a built-in task, in float32.
struct TaskSimulations {
  int64_t rows = 0, theta_dim = 0, x_dim = 0;
  std::vector<float> theta, x;  ///< [rows, theta_dim], [rows, x_dim]
  std::vector<uint8_t> failed;  ///< [rows], 1 with NaN as x
};

/// Rows first .. first+rows-1 of a task's simulations. Row i depends on (seed, i) alone: the number of
/// workers (0: one for each usable thread) and the way rows are cut into calls change no bit. x is simulated
/// from the float32 theta that is returned.
TaskSimulations simulate(const Task& task, int64_t rows, uint64_t seed, int workers = 0, int64_t first = 0);

}  // namespace fluxsbi::data
