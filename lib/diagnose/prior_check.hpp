// Whether the pairs come from the prior that the model was trained with.
#pragma once

#include <vector>

#include "diagnose/tests.hpp"

namespace fluxsbi::diagnose {

/// The test `prior`: the two-sample test of Kolmogorov and Smirnov between theta* and draws of the prior, a
/// variable at a time, and theta* beyond the prior's ends. A model answers for the prior of its training;
/// where pairs or simulations come from another one, its posteriors are those of another question. Nothing
/// where no prior is known.
std::vector<Finding> run_prior_check(const Evidence& evidence, const TestOptions& options);

}  // namespace fluxsbi::diagnose
