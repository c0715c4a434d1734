#include <array>

#include "core/error.hpp"
#include "core/text.hpp"
#include "model/network.hpp"

namespace fluxsbi::model {

std::span<const ModelRow> models() {
  return {};
}

std::unique_ptr<Spec> make_spec(const std::string& name) {
  std::vector<std::string> known;
  for (const ModelRow& row : models()) {
    if (row.name == name) return row.make();
    known.emplace_back(row.name);
    for (const auto alias : row.aliases) {
      if (alias == name) return row.make();
      known.emplace_back(alias);
    }
  }
  throw core::UserError("strategy.model '" + name + "' is unknown" + core::did_you_mean(name, known));
}

}  // namespace fluxsbi::model
