#include <set>

#include "model/cards.hpp"
#include "model/network.hpp"
#include "support/catch.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;

namespace {

data::DataShape shape_of(int64_t theta, int64_t x, int64_t theta_channels = 1, int64_t x_channels = 1) {
  data::DataShape shape;
  shape.theta_dim = theta;
  shape.x_dim = x;
  shape.theta_channels = theta_channels;
  shape.x_channels = x_channels;
  return shape;
}

// The section's spec, resolved for the data.
std::unique_ptr<model::Spec> spec_of(const std::string& name, const std::string& section,
                                     const data::DataShape& shape) {
  const config::Value document = config::parse_yaml("model:\n" + section, "a.yaml");
  config::Reader reader(document);
  auto spec = model::make_spec(name);
  spec->read(reader);
  CHECK(reader.finish().empty());
  spec->resolve(shape);
  return spec;
}

std::set<std::string> broken(const model::Spec& spec, const data::DataShape& shape) {
  std::set<std::string> ids;
  for (const auto& finding : model::findings(spec, shape)) ids.emplace(finding.rule->id);
  return ids;
}

}  // namespace

TEST_CASE("every rule has an id of its own, a known model and the card's words", "[model][cards]") {
  std::set<std::string_view> ids;
  const auto known = [](std::string_view name) {
    return model::make_spec(std::string(name))->name() == name;
  };
  for (const auto& rule : model::card_rules()) {
    INFO(rule.id);
    CHECK(ids.insert(rule.id).second);
    CHECK(known(rule.model));
    CHECK(rule.low < rule.high);
    CHECK_FALSE(rule.card.empty());
    CHECK_FALSE(rule.advice.empty());
  }
  for (const auto& rule : model::choice_rules()) {
    INFO(rule.id);
    CHECK(ids.insert(rule.id).second);
    CHECK(known(rule.model));
    CHECK_FALSE(rule.card.empty());
  }
}

TEST_CASE("a rule is broken outside its range and kept on its bounds", "[model][cards]") {
  for (const auto& rule : model::card_rules()) {
    INFO(rule.id);
    const auto breaks = [&](double value) {
      model::CardNumbers numbers;
      numbers.*rule.quantity = value;
      for (const auto& finding : model::findings(rule.model, numbers)) {
        if (finding.rule == &rule) return true;
      }
      return false;
    };
    CHECK_FALSE(breaks(rule.low));
    CHECK(breaks(rule.low - 1));
    if (rule.high > 1e300) continue;
    CHECK_FALSE(breaks(rule.high));
    CHECK(breaks(rule.high + 1));
  }
  CHECK(model::findings("flux1", {}).empty());
}

TEST_CASE("the data's shape chooses the model by the first rule that holds", "[model][cards]") {
  const auto choice = [](const data::DataShape& shape, bool embedded = false) {
    return std::string(model::choose_model(shape, embedded).id);
  };
  CHECK(choice(shape_of(2, 2)) == "choice.few-dimensions");
  CHECK(choice(shape_of(5, 5)) == "choice.default");
  CHECK(choice(shape_of(10, 10)) == "choice.default");
  CHECK(choice(shape_of(11, 3)) == "choice.many-dimensions");
  CHECK(choice(shape_of(2, 101)) == "choice.many-dimensions");
  CHECK(choice(shape_of(2, 2, 1, 3)) == "choice.channels");
  CHECK(choice(shape_of(4, 0)) == "choice.unconditional-few");
  CHECK(choice(shape_of(20, 0)) == "choice.unconditional");
  CHECK(choice(shape_of(2, 2), true) == "choice.embedding");
  CHECK(model::choose_model(shape_of(2, 2), false).model == "simformer");
  CHECK(model::choose_model(shape_of(10, 10), false).model == "flux1");
}

TEST_CASE("findings name the quantity, its value, the bound and the rule", "[model][cards]") {
  const auto shape = shape_of(12, 3);
  const auto spec = spec_of("simformer", "  num_layers: 12\n", shape);
  CHECK(broken(*spec, shape) ==
        std::set<std::string>{"simformer.layers", "simformer.inferred", "simformer.dimensions"});
  CHECK(
      model::findings(*spec, shape).front().text() ==
      "model.num_layers = 12, the model card advises at most 8: use flux1 or flux1joint [simformer.layers]");
  const auto remarks = spec->remarks();
  CHECK(remarks.size() == 2);  // the third is customary, not a limit
  CHECK(broken(*spec_of("flux1", "  depth: 2\n  depth_single_blocks: 2\n", shape_of(21, 101)),
               shape_of(21, 101)) == std::set<std::string>{"flux1.depth-ratio", "flux1.many-data",
                                                           "flux1.many-parameters", "flux1.depth"});
  CHECK(broken(*spec_of("flux1joint", "  num_heads: 2\n", shape_of(1, 2)), shape_of(1, 2)) ==
        std::set<std::string>{"flux1joint.few-dimensions", "flux1joint.heads"});
}
