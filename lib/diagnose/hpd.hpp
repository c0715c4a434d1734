// Simulation-based calibration of the whole vector by its density: expected coverage of highest-density
// regions.
#pragma once

#include <vector>

#include "diagnose/tests.hpp"

namespace fluxsbi::diagnose {

/// The rank of log q(theta* | x) among log q(draw | x), tested as run_sbc tests ranks. theta* lies inside the
/// region of the share c with the highest density where its rank from above is below c, so that the ranks are
/// uniform if every such region holds its share of the true values: expected coverage (Hermans et al. 2022,
/// arXiv 2110.06581). One finding; its value is the distance of Kolmogorov and Smirnov.
std::vector<Finding> run_hpd(const Evidence& evidence, const TestOptions& options);

}  // namespace fluxsbi::diagnose
