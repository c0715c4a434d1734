// Whether log-densities are those of the network's equation, or of the steps by which it was solved.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "sample/density/log_prob.hpp"

namespace fluxsbi::experiment {

/// How many points are looked at.
constexpr int64_t looked_at_points = 8;

/// The numbers of up to looked_at_points of `count` points, evenly spread.
std::vector<int64_t> points_to_look_at(int64_t count);

/// A warning where densities depend on the steps of the solver: those of a solver of fixed steps change with
/// twice as many, or, where `found` by dopri5 took more than a thousand evaluations, those of rk4 with 200
/// steps do. A point counts from a change of 0.5 and 5 % on, and a quarter of the points is enough.
/// `densities(options)` computes the points that are looked at, under other options than `options`, too.
void check_steps(const sample::LogProbs& found, const sample::SamplingOptions& options,
                 const std::function<sample::LogProbs(const sample::SamplingOptions&)>& densities);

}  // namespace fluxsbi::experiment
