// Groups of parameters that depend on each other.
#pragma once

#include "data/prior/parts.hpp"

namespace fluxsbi::data {

/// N(mean, covariance); keys mean [k] and covariance [k, k], or scale [k] with correlation [k, k].
const PriorGroup& multivariate_normal_group();

/// Fractions x_1, ..., x_k that are not negative and sum to 1, with density prod x_i^(concentration_i - 1) /
/// B. theta holds x_1, ..., x_(k-1): the last one is 1 - their sum, and with all k theta would lie on a
/// plane, where no flow has a density. Densities are those of the k - 1 coordinates. Support: each in [0, 1]
/// and their sum at most 1.
const PriorGroup& dirichlet_group();

}  // namespace fluxsbi::data
