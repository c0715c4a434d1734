// The posterior averaged over the data is the prior.
#pragma once

#include <vector>

#include "diagnose/tests.hpp"

namespace fluxsbi::diagnose {

/// Draws of all pairs together have the distribution of theta*, if the posterior is right: it fails for a
/// model that has learned another prior. A finding for each variable and one for all of them:
/// - the distance of Kolmogorov and Smirnov between theta*_j and theta* with draws, pooled. Theta* and the
///   draws of a pair are exchangeable, and its null is made of one of them a pair at random, 1,000 times,
///   with a fitted tail (tail.hpp). Pooled sets that were taken for independent would hide much: theta* and
///   its draws share their x.
/// - a classifier of theta alone (pair_rows.hpp), which learns on half of the pairs and ranks theta* among
///   the draws of the others. A posterior that equals the prior passes both.
std::vector<Finding> run_data_averaged(const Evidence& evidence, const TestOptions& options);

}  // namespace fluxsbi::diagnose
