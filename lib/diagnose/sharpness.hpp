// How much a posterior says: what calibration does not see.
#pragma once

#include <vector>

#include "diagnose/tests.hpp"

namespace fluxsbi::diagnose {

/// Numbers to compare runs by, with standard errors over the pairs; none passes or fails.
///
/// A finding for each variable: the posterior's standard deviation over the prior's, averaged over the pairs,
/// which is 1 where the data say nothing (prior: Evidence::prior, else theta*). Where there are
/// log-densities, one more: the mean of log q(theta* | x), a proper score (Gneiting & Raftery 2007, JASA 102,
/// 359): its expectation is highest for the right posterior, and lower by the Kullback-Leibler divergence for
/// any other.
std::vector<Finding> run_sharpness(const Evidence& evidence, const TestOptions& options);

}  // namespace fluxsbi::diagnose
