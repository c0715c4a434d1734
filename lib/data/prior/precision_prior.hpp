// A correlated normal prior that is given by its precision.
#pragma once

#include <memory>
#include <span>

#include "data/prior/prior.hpp"

namespace fluxsbi::data {

/// N(0, B^-1) for a symmetric positive definite precision B [dim * dim]. The `prior` section cannot express
/// correlations: options() is kind none.
std::unique_ptr<Prior> make_precision_prior(std::span<const double> precision, int64_t dim);

}  // namespace fluxsbi::data
