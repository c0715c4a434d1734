// Long steps along a path in which the denoised data stand still, and the grid of their times.
//
// From t to t' the state moves by
//   x' = state x + data D,   state = noise' / noise,   data = signal' - signal state,
// which is exact where D is the data that x belongs to (the deterministic step of DDIM: Song, Meng, Ermon
// 2021, arXiv 2010.02502; the first-order step of DPM-Solver++: Lu et al. 2022, arXiv 2211.01095; on flow
// matching's straight paths Euler's step).
#pragma once

#include <cstdint>
#include <vector>

#include "method/path.hpp"

namespace fluxsbi::method {

struct Jump {
  double state = 0, data = 1;  ///< as it stands: to the data, which are D
};

/// The jump between two times of the path, the first of which has noise.
Jump jump_between(const Path& path, double from, double to);

/// The part of all steps that is done after `done` of them (0 to steps): 1 - (1 - done / steps)^spacing.
/// Spacing 1: even steps; above 1: steps that get shorter towards the data.
double part_done(double done, int64_t steps, double spacing);

/// path.time of the parts that are done after 0, 1, ..., steps steps; from start() to end().
std::vector<double> jump_times(const Path& path, int64_t steps, double spacing);

/// The jumps between neighbours of jump_times. The last one leads to the data themselves where the path's
/// end() is not their time.
std::vector<Jump> jumps_along(const Path& path, int64_t steps, double spacing);

}  // namespace fluxsbi::method
