#include "core/registry.hpp"

#include <array>

#include <ATen/TensorOperators.h>

#include "core/error.hpp"
#include "core/text.hpp"
#include "method/diffusion.hpp"
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
    {"diffusion", diffusion_aliases, "a denoiser for every noise level (EDM, and VP and VE in the same form)",
     make_diffusion_spec},
    {"score_matching", score_aliases, "the score along a variance-preserving or variance-exploding equation",
     make_score_matching_spec},
}};

// Names the registry's rows in the reference. make_spec refuses another name, with the nearest one.
template <class Rows>
config::Rule<std::string> one_row_of(const Rows& registry) {
  return {"one of " + core::join(core::row_names(registry)), [](const std::string&) { return true; }};
}

}  // namespace

std::span<const MethodRow> methods() {
  return rows;
}

std::unique_ptr<Spec> make_spec(const std::string& name) {
  if (const MethodRow* row = core::find_row(rows, name)) return row->make();
  const auto names = core::row_names(rows);
  throw core::UserError("strategy.method '" + name + "' is unknown" + core::nearest_hint(name, names) +
                        "; available: " + core::join(names));
}

std::span<const std::string_view> enum_names(Levels) {
  static constexpr std::array<std::string_view, 2> names{"fixed", "learned"};
  return names;
}

const config::Table<StrategyOptions>& strategy_table() {
  static const auto table =
      config::Table<StrategyOptions>("strategy", "What is trained, and how noise becomes data.")
          .add("method", &StrategyOptions::method, one_row_of(rows), "the generative method")
          .add("model", &StrategyOptions::model, one_row_of(model::models()),
               "the network; auto takes the one that the recipe has for the data (docs/recipe.md; `fluxsbi "
               "recommend` says which and why)")
          .add("condition_drop_rate", &StrategyOptions::condition_drop_rate, config::fraction_below_one(),
               "the probability that a training row is shown without its x, which guidance needs "
               "(docs/guidance.md); 0: the model learns no null condition")
          .add(
              "levels", &StrategyOptions::levels, config::one_of<Levels>(),
              "the noise levels of training. fixed: drawn as the method's own keys say; learned: found while "
              "training, where the validation loss shows structure (docs/training.md)");
  return table;
}

namespace {

void warn_of_idle_keys(const std::vector<std::string>& keys, config::Reader& reader) {
  if (keys.empty()) return;
  reader.warning("strategy.levels", "learned leaves " + core::join(keys) +
                                        " without effect on training; fixed takes " +
                                        (keys.size() == 1 ? "it" : "them"));
}

}  // namespace

void resolve(const StrategyOptions& options, const Spec& method, model::Spec& model, config::Reader& reader) {
  if (options.levels == Levels::learned) warn_of_idle_keys(method.level_keys(), reader);
  if (options.condition_drop_rate == 0 || model.learn_null_condition()) return;
  std::vector<std::string> able;
  for (const auto& row : model::models()) {
    if (row.make()->learn_null_condition()) able.emplace_back(row.name);
  }
  reader.problem("strategy.condition_drop_rate",
                 "is above 0, but " + std::string(model.name()) +
                     " has no null condition; these models have: " + core::join(able) +
                     " (a joint model answers without x by its masks: leave the rate at 0)");
}

engine::Regression regression(const Method& method, const Batch& batch, const Noise& noise,
                              double drop_rate) {
  engine::Regression problem;
  if (batch.missing.defined()) {
    // For the method they are given: they get no noise and no weight. The network is told what they are.
    Batch marked = batch;
    marked.condition_mask = batch.condition_mask.logical_or(batch.missing);
    problem = method.regression(marked, noise);
    problem.inputs.condition_mask = batch.condition_mask.logical_and(batch.missing.logical_not());
    problem.inputs.missing = batch.missing;
  } else {
    problem = method.regression(batch, noise);
  }
  if (noise.drop.defined()) problem.inputs.conditioned = noise.drop >= drop_rate;
  return problem;
}

}  // namespace fluxsbi::method
