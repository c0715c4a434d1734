// A distribution of one parameter as a prior, and parts put together.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "data/prior/prior.hpp"
#include "data/prior/univariate.hpp"

namespace fluxsbi::data {

/// The prior of theta = [value].
std::unique_ptr<Prior> make_component_prior(std::unique_ptr<Univariate> distribution);

/// The independent parts of options.parameters, whose components stand one after the other in theta. Throws
/// UserErrors for what is wrong with a part, and for a number of components other than `dim`.
std::unique_ptr<Prior> make_product_prior(const PriorOptions& options, int64_t dim);

}  // namespace fluxsbi::data
