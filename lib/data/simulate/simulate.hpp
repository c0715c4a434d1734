// Simulation on several threads, reproducible row by row.
#pragma once

#include <cstdint>
#include <span>

#include "data/prior/prior.hpp"
#include "data/simulate/simulation_file.hpp"
#include "data/tasks/task.hpp"

namespace fluxsbi::data {

/// Draws the prior's theta of row `row`, rounded to float32 and within the support after rounding.
/// It depends on (seed, row) alone. theta: [dim]. Throws UserError for a support narrower than float32
/// resolves.
void draw_theta(const Prior& prior, uint64_t seed, int64_t row, std::span<float> theta);

/// Rows first .. first+rows-1 of a task's simulations. Row i depends on (seed, i) alone: the number of
/// workers (0: one for each usable thread) and the way rows are cut into calls change no bit. x is simulated
/// from the float32 theta that is returned.
Simulations simulate(const Task& task, int64_t rows, uint64_t seed, int workers = 0, int64_t first = 0);

}  // namespace fluxsbi::data
