// What must hold in the section `prior` beyond its single keys.
#include <string>
#include <utility>
#include <vector>

#include "core/text.hpp"
#include "data/prior/prior.hpp"

namespace fluxsbi::data {

void resolve(PriorOptions& options, config::Reader& reader) {
  if (!options.parameters) {
    if (options.kind == PriorKind::parameters)
      reader.problem("prior.kind", "= parameters needs the key prior.parameters, a kind for each of them");
    return;
  }
  if (reader.given("prior.kind") && options.kind != PriorKind::parameters) {
    reader.problem("prior.kind",
                   "= " + config::name_of(options.kind) +
                       " stands beside prior.parameters, which have kinds of their own; keep one of them");
  }
  options.kind = PriorKind::parameters;
  const std::pair<const char*, bool> lists[] = {{"prior.low", !options.low.empty()},
                                                {"prior.high", !options.high.empty()},
                                                {"prior.mean", !options.mean.empty()},
                                                {"prior.scale", !options.scale.empty()}};
  for (const auto& [key, given] : lists) {
    if (given) reader.problem(key, "stands beside prior.parameters; give each parameter its own");
  }
}

void adopt_names(const PriorOptions& options, std::vector<std::string>& names, config::Reader& reader) {
  if (!options.parameters) return;
  const auto own = part_names(*options.parameters);
  if (own.empty() || names == own) return;
  if (names.empty()) {
    names = own;
  } else {
    reader.problem("data.names.theta",
                   "says " + core::join(names) + ", but prior.parameters names " + core::join(own) +
                       "; leave data.names.theta out, or give the same names in the same order");
  }
}

}  // namespace fluxsbi::data
