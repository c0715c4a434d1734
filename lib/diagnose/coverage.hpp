// How many true values lie inside the posterior's intervals.
#pragma once

#include <span>
#include <vector>

#include "diagnose/tests.hpp"

namespace fluxsbi::diagnose {

/// The share of theta*_j inside central and inside highest-density intervals that hold 50, 80, 90 and 95 % of
/// the draws. Two findings for each variable: the level whose share is least likely, with the binomial's
/// band; its p-value is four times that share's, at most 1 (Bonferroni over the levels).
///
/// Central: |u - 1/2| <= c / 2 of the rank u (rank_of). Highest density: the rank of the density at theta*_j
/// among that at the draws, under one kernel estimate of all L + 1 values, in which theta* and draws take
/// part alike; so the share is exact for any L, where the shortest interval of L draws would hold too few.
/// Such regions may have several parts.
std::vector<Finding> run_coverage(const Evidence& evidence, const TestOptions& options);

/// A Gaussian kernel estimate of the density of `values` at each of them, with Silverman's width 0.9 min(sd,
/// interquartile range / 1.34) n^(-1/5), on a grid of 512 points. A function of the set: the values' order
/// has no part in it. Values of zero width have the same density.
std::vector<double> kernel_densities(std::span<const double> values);

}  // namespace fluxsbi::diagnose
