#include <array>

#include "core/error.hpp"
#include "core/text.hpp"
#include "method/flow_matching.hpp"
#include "method/method.hpp"

namespace fluxsbi::method {

namespace {

constexpr std::array<std::string_view, 1> flow_aliases{"flow_matching"};

constexpr std::array<MethodRow, 1> rows{{
    {"flow", flow_aliases, "flow matching on straight paths from noise to data", make_flow_matching_spec},
}};

std::vector<std::string> known_names() {
  std::vector<std::string> names;
  for (const MethodRow& row : rows) {
    names.emplace_back(row.name);
    names.insert(names.end(), row.aliases.begin(), row.aliases.end());
  }
  return names;
}

}  // namespace

std::span<const MethodRow> methods() {
  return rows;
}

std::unique_ptr<Spec> make_spec(const std::string& name) {
  for (const MethodRow& row : rows) {
    bool found = name == row.name;
    for (const std::string_view alias : row.aliases) found = found || name == alias;
    if (found) return row.make();
  }
  const auto names = known_names();
  const std::string near = core::nearest(name, names);
  throw core::UserError("strategy.method = " + name + " is not available" +
                        (near.empty() ? "" : " (did you mean '" + near + "'?)") +
                        "; available: " + core::join(names));
}

const config::Table<StrategyOptions>& strategy_table() {
  static const auto table =
      config::Table<StrategyOptions>("strategy", "What is trained, and how noise becomes data.")
          .add("method", &StrategyOptions::method, config::one_of(known_names()), "generative method")
          .add("model", &StrategyOptions::model, config::any<std::string>(), "network");
  return table;
}

}  // namespace fluxsbi::method
