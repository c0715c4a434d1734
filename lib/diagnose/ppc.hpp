// The predictive check: do simulations at draws of the posterior look like the observation?
#pragma once

#include <vector>

#include "diagnose/tests.hpp"

namespace fluxsbi::diagnose {

/// For each observation with predictive simulations (at least 100 that did not fail), three findings:
/// - the datum whose two-sided tail probability among the simulations is smallest, with their middle 95 %;
///   its p-value is that times the number of data (Holm's first step), with fitted tails beyond the
///   simulations (tail.hpp);
/// - the Mahalanobis distance of x_o from the simulations' mean against the same of simulations: mean and
///   covariance are those of the first half, the distances of the second half are the null. Data that do not
///   vary, or are not observed, are left out; covariances only where the half has five times as many rows as
///   there are data;
/// - the share of simulations that failed (NaN), which passes up to 1 %.
///
/// The simulations come from a posterior that has seen x_o, so that a right model fails less often than the
/// level says.
std::vector<Finding> run_ppc(const Evidence& evidence, const TestOptions& options);

}  // namespace fluxsbi::diagnose
