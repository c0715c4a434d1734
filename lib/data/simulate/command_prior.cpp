#include "data/simulate/command_prior.hpp"

#include <algorithm>

#include "config/reader.hpp"
#include "core/error.hpp"

namespace fluxsbi::data {

std::unique_ptr<Prior> command_prior(const PriorOptions& options, int64_t names) {
  if (options.kind == PriorKind::none || options.kind == PriorKind::custom) {
    throw core::UserError(
        "simulator.command needs a prior to draw theta from; give prior.parameters, set prior.kind to box, "
        "normal or lognormal (found " +
        config::name_of(options.kind) + "), or let `simulate` take theta from a file with --theta");
  }
  const int64_t dim = std::max(prior_dim(options), names);
  if (dim == 0)
    throw core::UserError("the prior section has no numbers; give low and high, or mean and scale");
  return make_prior(options, dim);
}

}  // namespace fluxsbi::data
