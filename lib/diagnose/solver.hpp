// Whether the sampler takes enough steps.
#pragma once

#include <vector>

#include "diagnose/tests.hpp"

namespace fluxsbi::diagnose {

/// For each observation, draws of the same noise with the run's steps and with twice as many: the difference
/// of each variable in its posterior standard deviations. Of a student: with its jumps and with its teacher's
/// steps. A finding on the median over the draws of the
/// largest variable's difference, which passes up to largest_step_difference and says how many evaluations
/// would do; one on the draws beyond the prior's support, which were drawn again, and on those that could not
/// be filled (at most 1 %).
std::vector<Finding> run_solver(const Evidence& evidence, const TestOptions& options);
inline constexpr double largest_step_difference = 0.05;

}  // namespace fluxsbi::diagnose
