// The local classifier two-sample test: is the posterior right at this observation?
#pragma once

#include <cstdint>
#include <vector>

#include "diagnose/tests.hpp"

namespace fluxsbi::diagnose {

/// Linhart, Gramfort & Rodrigues 2023, arXiv 2306.03580: a classifier learns to tell (theta*, x) from (draw,
/// x). It has two hidden layers (classifier.hpp) and sees what pair_rows.hpp says.
///
/// Overall, on at least 100 pairs: the classifier learns on half of them and ranks theta* among the draws of
/// the other half; the p-value of the mean rank is that of uniform numbers, so that it costs one training.
///
/// At each observation, where there are some: one classifier learns on all pairs (at most 2,000) and serves
/// all observations; the statistic is the mean of (p - 1/2)^2 over draws of the posterior at x_o. Its null
/// comes from the same trainings with theta* and draw exchanged in half of the pairs at random, which is
/// exact under a right posterior; TestOptions::permutations of them, with a fitted tail (tail.hpp).
///
/// Both say which shift they would have seen, of 0.1, 0.2, 0.5 and 1 posterior standard deviations in every
/// variable: the true values are moved by it and all is done again. In all 5 trainings, and 5 + permutations
/// more where there are observations: 0.1 to 1 s each for 1,000 pairs.
std::vector<Finding> run_lc2st(const Evidence& evidence, const TestOptions& options);

/// The statistic at each observation without its null, for comparisons with other programs.
std::vector<double> lc2st_statistics(const Evidence& evidence, bool within_posterior, uint64_t seed);

}  // namespace fluxsbi::diagnose
