// Coverage of balls about random points: a test of the whole vector that needs no density.
#pragma once

#include <vector>

#include "diagnose/tests.hpp"

namespace fluxsbi::diagnose {

/// Tests of accuracy with random points (Lemos et al. 2023, arXiv 2302.03026). For each pair a reference
/// point is drawn, uniform in the box of all theta*, or a draw of the prior (TestOptions); distances are
/// Euclidean after that box is scaled to [0, 1]^d. u is the rank of theta*'s distance among those of the
/// draws, with ties split at random, which is uniform if the posterior is right. Expected coverage at
/// credibility alpha is the share of pairs with u <= alpha.
///
/// Two findings: the distance of Kolmogorov and Smirnov with its p-value, and the signed area between
/// coverage and credibility from 1/2 to 1, with its standard error: above zero for a posterior that is too
/// wide, below for one that is too narrow.
std::vector<Finding> run_tarp(const Evidence& evidence, const TestOptions& options);

/// u of each pair that has draws. `references` [pairs, theta_dim] in theta's units; no draw is left out but
/// the unfilled.
std::vector<double> tarp_pits(const Evidence& evidence, const std::vector<double>& references, uint64_t seed,
                              int threads);

}  // namespace fluxsbi::diagnose
