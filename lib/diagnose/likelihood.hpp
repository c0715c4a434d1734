// How far a network is off where the likelihood is known.
#pragma once

#include <vector>

#include "diagnose/tests.hpp"

namespace fluxsbi::diagnose {

/// Two findings for each observation, from the weights w = p(x | theta) p(theta) / q(theta | x) of draws of
/// q. First the accuracy of the best classifier between draws of q and of the posterior p: with weights of
/// mean 1 it is 1 / 2 + E |w - 1| / 4 over draws of q, which is 1 / 2 plus half the total variation. That is
/// the C2ST that a perfect classifier would reach, 0.5 where q is right; its meaning tells the
/// Kullback-Leibler divergence KL(q || p) = -E log w, in nats, too. Then the Pareto shape of the largest
/// weights: above 0.7 q gives too little density to parts of the posterior, as far as its draws show, and
/// weighing does not mend it. A part of which no draw knows shows in neither.
std::vector<Finding> run_likelihood(const Evidence& evidence, const TestOptions& options);

}  // namespace fluxsbi::diagnose
