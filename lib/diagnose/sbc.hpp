// Simulation-based calibration, a variable at a time.
#pragma once

#include <vector>

#include "diagnose/tests.hpp"

namespace fluxsbi::diagnose {

/// The rank of theta*_j among the L draws of its posterior is uniform on 0..L if the posterior is right
/// (Talts et al. 2018, arXiv 1804.06788); ties, of discrete or repeated values, are split at random. Ranks
/// become numbers u = (rank + U(0, 1)) / (L + 1), which are exactly uniform for any L, and are tested by the
/// distance of Kolmogorov and Smirnov and by chi-square in 20 bins. One finding for each variable; its value
/// is the distance, its p-value twice the smaller of both.
std::vector<Finding> run_sbc(const Evidence& evidence, const TestOptions& options);

}  // namespace fluxsbi::diagnose
