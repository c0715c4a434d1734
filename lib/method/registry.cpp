#include <array>

#include "core/error.hpp"
#include "core/text.hpp"
#include "method/edm.hpp"
#include "method/flow_matching.hpp"
#include "method/method.hpp"
#include "method/score_matching.hpp"
#include "model/network.hpp"

namespace fluxsbi::method {

namespace {

constexpr std::array<std::string_view, 1> flow_aliases{"flow_matching"}, diffusion_aliases{"edm"},
    score_aliases{"score"};

constexpr std::array<MethodRow, 3> rows{{
    {"flow", flow_aliases, "flow matching on straight paths from noise to data", make_flow_matching_spec},
    {"diffusion", diffusion_aliases, "a denoiser at every noise level (EDM, with VP and VE in its form)",
     make_diffusion_spec},
    {"score_matching", score_aliases, "the score along a variance preserving or exploding equation",
     make_score_matching_spec},
}};

// The names and aliases of a registry's rows.
template <class Rows>
std::vector<std::string> names_of(const Rows& registry) {
  std::vector<std::string> names;
  for (const auto& row : registry) {
    names.emplace_back(row.name);
    names.insert(names.end(), row.aliases.begin(), row.aliases.end());
  }
  return names;
}

// Names the registry's rows in the reference. make_spec refuses another name, with the nearest one.
template <class Rows>
config::Rule<std::string> one_row_of(const Rows& registry) {
  return {"one of " + core::join(names_of(registry)), [](const std::string&) { return true; }};
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
  const auto names = names_of(rows);
  const std::string near = core::nearest(name, names);
  throw core::UserError("strategy.method '" + name + "' is unknown" +
                        (near.empty() ? "" : " (did you mean '" + near + "'?)") +
                        "; available: " + core::join(names));
}

const config::Table<StrategyOptions>& strategy_table() {
  static const auto table =
      config::Table<StrategyOptions>("strategy", "What is trained, and how noise becomes data.")
          .add("method", &StrategyOptions::method, one_row_of(rows), "generative method")
          .add("model", &StrategyOptions::model, one_row_of(model::models()),
               "network; auto: by the model cards' rules from the data's shape (`fluxsbi recommend`)");
  return table;
}

}  // namespace fluxsbi::method
