// Is the posterior wrong for some x only?
#pragma once

#include <vector>

#include "diagnose/tests.hpp"

namespace fluxsbi::diagnose {

/// Local calibration: among pairs whose posteriors lie near each other, theta* must lie among the draws as
/// one of them. A fault in a corner of the prior that tests over all x drown is seen there (Zhao, Dalmasso,
/// Izbicki & Lee 2021, arXiv 2102.10473, test the same of one x by regression).
///
/// Pair n has a pool of m_n = 1 + min(L, 200) values, theta* and draws. z [m_n, d] is the normal score
/// Phi^-1((r + 1/2) / m_n) of each member's rank r in a variable. Regions are the k pairs whose pools' means,
/// in units of their spread over the pairs, lie nearest to one of 200 pairs, for k of a fortieth, a
/// twentieth, a tenth and a fifth of the pairs (20 at least). Of a region, with sums over its k pairs,
///   shift = sum_j (sum z_j)^2 / k,   width = sum_j (sum (z_j^2 - 1) / sqrt 2)^2 / k,
/// both about chi-square with d degrees of freedom under a right posterior. The largest of each over all
/// regions is compared with its values where a random member of each pool takes theta*'s place, 1,000 times
/// with a fitted tail (tail.hpp). All members are exchangeable under a right posterior, so that the p-value,
/// twice the smaller of both, is exact whatever the posteriors' shapes and correlations.
///
/// At each observation the regions are those around the mean of its draws.
///
/// At least 100 pairs. A second for 1,000 pairs.
std::vector<Finding> run_regions(const Evidence& evidence, const TestOptions& options);

}  // namespace fluxsbi::diagnose
