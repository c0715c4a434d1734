// What must hold in the section `prior` beyond its single keys.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/files/names.hpp"
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

void follow_names(PriorOptions& options, const std::vector<std::string>& names, const std::string& where) {
  if (!options.parameters) return;
  const auto own = part_names(*options.parameters), numbered = default_names("theta", std::ssize(names));
  const bool none_in_common =
      std::none_of(own.begin(), own.end(), [&](const auto& name) { return names_hold(names, name); });
  if (own.empty() || own == names || (none_in_common && (own == numbered || names == numbered))) return;
  struct Named {
    std::vector<std::string> names;
    PriorPart part;
    std::ptrdiff_t place;  // of the first name in theta
  };
  std::vector<Named> parts;
  for (auto next = own.begin(); const PriorPart& part : options.parameters->parts) {
    const auto end = next + part_size(part);
    parts.push_back({{next, end}, part, std::find(names.begin(), names.end(), *next) - names.begin()});
    next = end;
  }
  std::stable_sort(parts.begin(), parts.end(),
                   [](const Named& a, const Named& b) { return a.place < b.place; });
  std::vector<std::string> ordered;
  for (const Named& part : parts) ordered.insert(ordered.end(), part.names.begin(), part.names.end());
  if (ordered != names)
    throw core::UserError(where + ": prior.parameters names " + core::join(own) + ", but theta is " +
                          core::join(names) + "; give the same names, those of a group in this order");
  for (size_t i = 0; i < parts.size(); ++i) options.parameters->parts[i] = std::move(parts[i].part);
}

}  // namespace fluxsbi::data
