// The prior that a user's own simulator draws theta from.
#pragma once

#include <cstdint>
#include <memory>

#include "data/prior/prior.hpp"

namespace fluxsbi::data {

/// The prior of the section for as many components as its lists tell, or `names`, the number of names that
/// theta has.
/// Throws UserError for a prior that cannot be drawn from, and for one whose number of components nothing
/// tells.
std::unique_ptr<Prior> command_prior(const PriorOptions& options, int64_t names);

}  // namespace fluxsbi::data
