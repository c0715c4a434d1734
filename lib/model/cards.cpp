#include "model/cards.hpp"

#include <array>
#include <limits>

#include "core/text.hpp"
#include "model/network.hpp"

namespace fluxsbi::model {

namespace {

using N = CardNumbers;

constexpr double any = std::numeric_limits<double>::infinity();

constexpr std::string_view embed = "put an embedding network before it (section embedding)",
                           other_model = "use flux1 or flux1joint";
constexpr int64_t most_data = 100;  // x tokens without an embedding network
constexpr std::string_view summary_statistics =
    "If your condition dimension is large (>100) or observation dimension is moderately high (>20), it is "
    "highly recommended to employ an embedding network to derive summary statistics for the data.";
constexpr std::string_view limits =
    "If your problem requires more than 8 layers, >12 heads, dim_tot > 256, or inference on >10 variables, "
    "Flux1 or Flux1Joint are recommended for better memory efficiency.";
constexpr std::string_view tuning =
    "A typical depth range for the model is between 8 and 20. For the attention mechanism, starting with 6-8 "
    "heads and approximately 10 features per head is recommended; these can be increased based on data "
    "complexity.";

// "About twice": what rounding and small models make of it is no breach.
constexpr double least_ratio = 1.5, most_ratio = 3;

constexpr std::array rules{
    CardRule{"flux1.depth-ratio", "flux1", &N::depth_ratio, "model.depth_single_blocks / depth", least_ratio,
             most_ratio, true, "set depth_single_blocks to about twice depth",
             "It is strongly recommended to use double the number of Single Stream blocks "
             "(depth_single_blocks) compared to the number of Double Stream blocks (depth)."},
    CardRule{"flux1.many-data", "flux1", &N::cond_dim, "the number of x tokens", 0, most_data, true, embed,
             summary_statistics},
    CardRule{"flux1.many-parameters", "flux1", &N::obs_dim, "the number of theta tokens", 0, 20, true, embed,
             summary_statistics},
    CardRule{"flux1.depth", "flux1", &N::depth, "model.depth", 8, 20, false, "start with 8", tuning},
    CardRule{"flux1.heads", "flux1", &N::heads, "model.num_heads", 6, any, false, "start with 6 to 8",
             tuning},
    CardRule{"flux1.features", "flux1", &N::head_features, "the number of features per head", 10, any, false,
             "start with about 10", tuning},
    CardRule{"flux1.few-dimensions", "flux1", &N::dimensions, "the number of dimensions", 4, any, false,
             "try simformer as well",
             "Flux1: best for most applications, high dimensions (>10); not optimal for very low-dim."},
    CardRule{"flux1joint.few-dimensions", "flux1joint", &N::dimensions, "the number of dimensions", 4, any,
             true, "use simformer",
             "It may perform worse for very low-dimensional data with simple posteriors (less than 4 "
             "dimensions)."},
    CardRule{"flux1joint.many-data", "flux1joint", &N::cond_dim, "the number of x tokens", 0, most_data, true,
             "use flux1 with an embedding network", summary_statistics},
    CardRule{"flux1joint.many-parameters", "flux1joint", &N::obs_dim, "the number of theta tokens", 0, 20,
             true, "use flux1 with an embedding network", summary_statistics},
    CardRule{"flux1joint.depth", "flux1joint", &N::depth, "model.depth_single_blocks", 8, 20, false,
             "start with 8", tuning},
    CardRule{"flux1joint.heads", "flux1joint", &N::heads, "model.num_heads", 6, any, false,
             "start with 6 to 8", tuning},
    CardRule{"flux1joint.features", "flux1joint", &N::head_features, "the number of features per head", 10,
             any, false, "start with about 10", tuning},
    CardRule{"simformer.layers", "simformer", &N::depth, "model.num_layers", 0, 8, true, other_model, limits},
    CardRule{"simformer.heads", "simformer", &N::heads, "model.num_heads", 0, 12, true, other_model, limits},
    CardRule{"simformer.width", "simformer", &N::width, "dim_tot (dim_value + dim_id + dim_condition)", 0,
             256, true, other_model, limits},
    CardRule{"simformer.inferred", "simformer", &N::obs_dim, "the number of inferred variables", 0, 10, true,
             other_model, limits},
    CardRule{"simformer.dimensions", "simformer", &N::dimensions, "the number of dimensions", 0, 9, false,
             "try flux1 as well", "Use when: you have <10 total dimensions."},
};

bool channels_differ(const data::DataShape& shape) {
  return shape.x_dim > 0 && shape.theta_channels != shape.x_channels;
}

int64_t dimensions(const data::DataShape& shape) {
  return shape.theta_dim + shape.x_dim;
}

constexpr std::array choices{
    ChoiceRule{
        "choice.embedding", "flux1",
        "If your condition dimension is large (>100) [...] employ an embedding network: here flux1 alone "
        "takes one, and the config has a section embedding.",
        [](const data::DataShape&, bool embedded) { return embedded; }},
    ChoiceRule{
        "choice.unconditional-few", "simformer",
        "Use Simformer when: you have <10 total dimensions (without x only a joint model can be used).",
        [](const data::DataShape& shape, bool) { return shape.x_dim == 0 && shape.theta_dim < 10; }},
    ChoiceRule{
        "choice.unconditional", "flux1joint",
        "Use Flux1Joint when: you need explicit joint modeling of all variables (without x only a joint "
        "model can be used).",
        [](const data::DataShape& shape, bool) { return shape.x_dim == 0; }},
    ChoiceRule{
        "choice.channels", "flux1",
        "in_channels: number of input channels in the data, one number for all tokens of a joint model: "
        "theta and x have different ones here.",
        [](const data::DataShape& shape, bool) { return channels_differ(shape); }},
    ChoiceRule{"choice.few-dimensions", "simformer", "Use Simformer when: you have <10 total dimensions.",
               [](const data::DataShape& shape, bool) { return dimensions(shape) < 10; }},
    ChoiceRule{
        "choice.many-dimensions", "flux1", "Use Flux1 when: you have >10 parameters or >100 observations.",
        [](const data::DataShape& shape, bool) { return shape.theta_dim > 10 || shape.x_dim > most_data; }},
    ChoiceRule{"choice.default", "flux1", "Flux1 (Default): use for most problems.",
               [](const data::DataShape&, bool) { return true; }},
};

}  // namespace

CardNumbers card_numbers(const data::DataShape& shape) {
  CardNumbers numbers;
  numbers.obs_dim = static_cast<double>(shape.theta_dim);
  numbers.cond_dim = static_cast<double>(shape.x_dim);
  numbers.dimensions = static_cast<double>(dimensions(shape));
  return numbers;
}

std::span<const CardRule> card_rules() {
  return rules;
}

std::string Finding::text() const {
  const auto bound = value < rule->low ? "at least " + core::number_text(rule->low)
                                       : "at most " + core::number_text(rule->high);
  return std::string(rule->what) + " = " + core::number_text(value) + ", the model card advises " + bound +
         ": " + std::string(rule->advice) + " [" + std::string(rule->id) + "]";
}

std::vector<Finding> findings(std::string_view model, const CardNumbers& numbers) {
  std::vector<Finding> found;
  for (const CardRule& rule : rules) {
    if (rule.model != model) continue;
    const auto& value = numbers.*rule.quantity;
    if (value && (*value < rule.low || *value > rule.high)) found.push_back({&rule, *value});
  }
  return found;
}

std::vector<Finding> findings(const Spec& spec, const data::DataShape& data) {
  CardNumbers numbers = spec.card_numbers();
  const CardNumbers raw = card_numbers(data);
  numbers.obs_dim = raw.obs_dim;
  numbers.cond_dim = raw.cond_dim;
  numbers.dimensions = raw.dimensions;
  return findings(spec.name(), numbers);
}

std::vector<std::string> card_warnings(std::string_view model, const CardNumbers& numbers) {
  std::vector<std::string> lines;
  for (const Finding& finding : findings(model, numbers)) {
    if (finding.rule->warns) lines.push_back(finding.text());
  }
  return lines;
}

std::span<const ChoiceRule> choice_rules() {
  return choices;
}

const ChoiceRule& choose_model(const data::DataShape& shape, bool embedded) {
  for (const ChoiceRule& rule : choices) {
    if (rule.holds(shape, embedded)) return rule;
  }
  return choices.back();
}

}  // namespace fluxsbi::model
