#include "experiment/recommendation.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "config/flow_text.hpp"
#include "config/reader.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "data/dataset_size.hpp"
#include "data/screening/choose_x.hpp"
#include "data/screening/linear_summaries.hpp"
#include "data/screening/screening.hpp"
#include "data/simulate/online.hpp"
#include "data/sources.hpp"
#include "data/symmetry/find_symmetries.hpp"
#include "data/tasks/task.hpp"
#include "experiment/experiment.hpp"
#include "model/cards.hpp"
#include "model/embedding/embedded_network.hpp"

namespace fluxsbi::experiment {

namespace {

using config::Value;

// In the order in which a config is written; others follow.
constexpr std::array sections{"strategy", "model",     "condition_mask", "embedding", "data",
                              "prior",    "simulator", "optimizer",      "training"};

const Value* find(const Value& document, const std::string& path) {
  const Value* value = &document;
  for (size_t begin = 0; value && begin < path.size();) {
    const size_t end = std::min(path.find('.', begin), path.size());
    value = value->find(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return value;
}

// The text of a key that holds a word; "" where it is absent or `otherwise`.
std::string word(const Value& document, const std::string& path, const std::string& otherwise) {
  const Value* value = find(document, path);
  if (!value || value->kind != Value::Kind::scalar || value->scalar == otherwise) return "";
  return value->scalar;
}

data::Sources read_given(const Value& document) {
  config::Reader reader(document);
  data::Sources given = data::read_sources(reader);
  const std::string problem = given.data.online ? data::online_problem(given.data, given.simulator) : "";
  if (!problem.empty()) reader.problem("data.online", problem);
  reader.finish_part();
  if (!given.data.has_source())
    throw core::UserError(document.place.file +
                          ": no data: name a file with --data F or a built-in task with "
                          "--task NAME");
  return given;
}

std::optional<bool> wanted_levels(const Value& document) {
  const std::string levels = word(document, "strategy.levels", "");
  if (!levels.empty()) return levels == config::name_of(method::Levels::learned);
  for (const char* key : {"time_distribution", "time_alpha", "time_mean", "time_std", "sigma_mean", "P_mean",
                          "sigma_std", "P_std", "times"}) {
    if (find(document, std::string("strategy.") + key)) return false;  // keys of fixed levels
  }
  return {};
}

// Whether the recipe looks for the values of x that have to do with theta.
bool wants_screening(const data::DataOptions& data, const RecipeFacts& facts, const Value& document) {
  if (data.use_x.automatic) return true;
  return !find(document, "data.use_x") && facts.shape.x_dim > most_unscreened &&
         facts.rows >= data::least_screened_rows && data::screening_problem(facts.shape, data).empty();
}

RecipeFacts facts_of(const Value& document, uint64_t seed) {
  data::Sources given = read_given(document);
  RecipeFacts facts = data_facts(given.data, given.simulator, given.prior);
  std::optional<data::XRows> rows;  // read once for both questions
  if (wants_screening(given.data, facts, document)) {
    if (!given.data.online) rows = data::rows_about_x(given.data, seed);
    const data::ChosenX chosen = rows ? data::choose_x(*rows, given.data) : data::choose_x(given.data, seed);
    facts = data_facts(given.data, given.simulator, given.prior);
    facts.screened = chosen.choice;
    facts.screened_reason = chosen.reason;
    facts.use_x = given.data.use_x.names;
  }
  facts.embedded = !word(document, "embedding.network", "none").empty();
  facts.whole_x = facts.whole_x && word(document, "strategy.condition_drop_rate", "0").empty();
  const std::string model = word(document, "strategy.model", "auto"),
                    method = word(document, "strategy.method", "");
  if (!model.empty()) facts.model = model::make_spec(model)->name();
  if (!method.empty()) facts.method = method::make_spec(method)->name();
  facts.learned_levels = wanted_levels(document);
  if (asks_for_linear(make_recipe(facts))) {
    if (!rows) rows = data::rows_about_x(given.data, seed);
    if (rows->enough()) facts.beyond_linear = data::told_beyond_linear(rows->rows);
  }
  const bool looked_for = word(document, "data.symmetries", "auto").empty();
  if (make_recipe(facts).symmetries && looked_for && !facts.shape.missing) {
    if (!rows) rows = data::rows_about_x(given.data, seed);
    if (std::cmp_greater_equal(rows->rows.rows(), data::least_symmetry_rows))
      facts.forms = data::count_forms(rows->rows, facts.shape.x_channels, most_counted_forms);
  }
  return facts;
}

// Puts the entries of `given` over those of `base`, section by section.
void put_over(Value& base, const Value& given) {
  for (size_t i = 0; i < given.map.size(); ++i) {
    const auto& [key, value] = given.map[i];
    const auto found = std::find_if(base.map.begin(), base.map.end(),
                                    [&, name = key](const auto& entry) { return entry.first == name; });
    if (found == base.map.end()) {
      base.map.emplace_back(key, value);
      base.key_places.push_back(given.key_places[i]);
    } else if (found->second.kind == Value::Kind::map && value.kind == Value::Kind::map) {
      put_over(found->second, value);
    } else {
      found->second = value;
      base.key_places[static_cast<size_t>(found - base.map.begin())] = given.key_places[i];
    }
  }
}

// Keys with their values as a document.
Value document_of(const std::vector<RecipeChoice>& choices) {
  std::string text;
  for (const char* section : sections) {
    std::string lines;
    const std::string head = std::string(section) + ".";
    for (const RecipeChoice& choice : choices) {
      for (const RecipeKey& key : choice.keys) {
        if (key.path.starts_with(head))
          lines += "  " + key.path.substr(head.size()) + ": " + key.value + "\n";
      }
    }
    if (!lines.empty()) text += std::string(section) + ":\n" + lines;
  }
  return config::parse_yaml(text, std::string(model::recipe_file));
}

// True for what the keys of another source of data leave behind.
bool says_nothing(const Value& value) {
  return value.kind == Value::Kind::null || (value.kind == Value::Kind::list && value.list.empty());
}

// A comment of a YAML file, broken at 100 columns.
std::string comment(const std::string& text, const std::string& indent = "") {
  constexpr size_t width = 100;
  const std::string head = indent + "#";
  std::string lines, line = head;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    if (line.size() + 1 + end - begin > width && line != head) {
      lines += line + "\n";
      line = head + "  ";
    }
    line += " " + text.substr(begin, end - begin);
    begin = end + 1;
  }
  return lines + line + "\n";
}

std::string section_text(const std::string& name, const Value& section,
                         const std::vector<RecipeChoice>& choices) {
  if (section.kind != Value::Kind::map)
    return says_nothing(section) ? "" : "\n" + name + ": " + config::flow_text(section) + "\n";
  std::string text;
  for (const auto& [key, value] : section.map) {
    if (name == "data" && (says_nothing(value) || (key == "online" && value.scalar == "false"))) continue;
    for (const RecipeChoice& choice : choices) {
      if (!choice.keys.empty() && choice.keys.front().path == name + "." + key)
        text += comment(choice.line(), "  ");
    }
    text += "  " + config::key_text(key) + ":";
    if (value.kind != Value::Kind::map) {
      text += " " + config::flow_text(value) + "\n";
      continue;
    }
    text += "\n";
    for (const auto& [inner, inside] : value.map)
      text += "    " + config::key_text(inner) + ": " + config::flow_text(inside) + "\n";
  }
  return text.empty() ? "" : "\n" + name + ":\n" + text;
}

// Leaves the keys out that the user gave or that do not fit what the user gave.
void yield_to(const Value& given, RecipeChoice& choice) {
  std::vector<std::string> theirs;
  const auto is_given = [&](const std::string& path) {
    const Value* value = find(given, path);
    if (!value) return false;
    const std::string shown = path + " = " + config::flow_text(*value);
    if (std::find(theirs.begin(), theirs.end(), shown) == theirs.end()) theirs.push_back(shown);
    return true;
  };
  const std::string own_choice = choice.choice;
  std::erase_if(choice.keys, [&](const RecipeKey& key) {
    const bool own = is_given(key.path);
    return std::any_of(key.rivals.begin(), key.rivals.end(), is_given) || own;
  });
  if (theirs.empty() || choice.what == "model" || choice.what == "method") return;
  choice.choice = core::join(theirs);
  choice.reason = "you chose it; the recipe has " + own_choice;
}

// What the cards say about the config's own model.
std::vector<std::string> find_findings(const Value& document, const data::DataShape& shape) {
  Experiment experiment = read_experiment(document);
  model::resolve(*experiment.model, experiment.embedding, shape);
  std::vector<std::string> lines;
  for (const auto& finding : model::findings(*experiment.model, shape)) {
    lines.push_back((finding.rule->warns ? "warning: " : "note: ") + finding.text() + " \"" +
                    std::string(finding.rule->card) + "\"");
  }
  return lines;
}

// Says so where the cards would take another model than the rules.
void name_contradiction(const Recommendation& made, RecipeChoice& choice) {
  const auto& card = model::choose_model(made.facts.shape, made.facts.embedded);
  if (choice.what == "model" && card.model != made.recipe.rule->model)
    choice.reason += "; the model cards take " + std::string(card.model) + " here: \"" +
                     std::string(card.card) + "\" [" + std::string(card.id) + "]";
}

// A task's simulations are a number that users will want to change.
void name_simulations(Value& document) {
  if (find(document, "data.task") && !says_nothing(*find(document, "data.task")) &&
      !find(document, "data.simulations") && !find(document, "data.num_simulations") &&
      !find(document, "data.n"))
    config::set_from_command_line(document,
                                  "data.simulations=" + std::to_string(data::DataOptions{}.simulations));
}

}  // namespace

RecipeFacts data_facts(const data::DataOptions& data, const data::SimulatorOptions& simulator,
                       const data::PriorOptions& prior) {
  RecipeFacts facts;
  if (data.online) {
    facts.shape = data::online_shape(data, simulator, prior);
  } else {
    const data::DatasetSize size = data::dataset_size(data);
    facts.shape = size.shape;
    facts.rows = size.rows;
  }
  facts.shape.padded = data.nan == data::NanPolicy::pad;
  facts.whole_x = data.nan == data::NanPolicy::error || data.nan == data::NanPolicy::drop;
  facts.prior_known = data.task || prior.kind != data::PriorKind::none;
  return facts;
}

std::string Recommendation::subject() const {
  const data::DataShape& shape = facts.shape;
  const auto side = [](int64_t tokens, int64_t channels) {
    return core::count_text(tokens, "token") +
           (channels > 1 ? " of " + std::to_string(channels) + " channels" : "");
  };
  return (facts.rows > 0 ? core::count_text(facts.rows, "simulation") : "simulations without end") +
         ", theta " + side(shape.theta_dim, shape.theta_channels) +
         (shape.x_dim > 0 ? ", x " + side(shape.x_dim, shape.x_channels) : ", no x");
}

std::string Recommendation::yaml() const {
  std::string text = comment("the recipe for " + subject() + " (docs/recipe.md)");
  for (const std::string& finding : findings) text += comment(finding);
  for (const RecipeChoice& choice : choices) {
    if (choice.keys.empty()) text += comment(choice.line());
  }
  for (const char* section : sections) {
    if (const Value* value = document.find(section)) text += section_text(section, *value, choices);
  }
  for (const auto& [name, value] : document.map) {
    if (std::find(sections.begin(), sections.end(), name) == sections.end())
      text += section_text(name, value, choices);
  }
  return text;
}

Value Recommendation::with_small_network() const {
  Value small = document;
  put_over(small, document_of({{"", "", "", network_keys(recipe.small_network, facts.shape)}}));
  return small;
}

bool leaves_training_open(const Value& config) {
  return std::none_of(config.map.begin(), config.map.end(), [](const auto& entry) {
    for (const char* section :
         {"strategy", "model", "condition_mask", "embedding", "optimizer", "training", "path"}) {
      if (entry.first == section) return true;
    }
    return false;
  });
}

Recommendation recommend(const Value& given) {
  return recommend(given, seed_of(given));
}

Recommendation recommend(const Value& given, uint64_t seed) {
  Recommendation made;
  made.facts = facts_of(given, seed);
  made.recipe = make_recipe(made.facts);
  made.choices = choices_of(made.recipe, made.facts);
  for (RecipeChoice& choice : made.choices) {
    name_contradiction(made, choice);
    yield_to(given, choice);
  }
  made.document = document_of(made.choices);
  put_over(made.document, given);
  if (find(given, "data.use_x") && !made.facts.screened.empty())  // `auto`, which need not look again
    config::set_from_command_line(made.document,
                                  "data.use_x=" + data::emit(data::UseX{false, made.facts.use_x}));
  const Value* model = given.find("model");
  made.chose_network = !model || model->map.empty();
  name_simulations(made.document);
  made.findings = find_findings(made.document, made.facts.shape);
  return made;
}

std::string recommendation_rules() {
  std::string text = "Which model (strategy.model: auto takes the first rule that holds):\n";
  for (const auto& rule : model_rules()) {
    text += "  " + std::string(rule.id) + " -> " + std::string(rule.model) + "\n    " +
            std::string(rule.reason) + "\n";
  }
  text += "Which model the model cards take:\n";
  for (const auto& rule : model::choice_rules()) {
    text += "  " + std::string(rule.id) + " -> " + std::string(rule.model) + "\n    " +
            std::string(rule.card) + "\n";
  }
  text += "What the cards say of a model's numbers:\n";
  for (const auto& rule : model::card_rules()) {
    text += "  " + std::string(rule.id) + ": " + std::string(rule.what) + "\n    " + std::string(rule.card) +
            "\n";
  }
  return text + "fluxsbi recommend --data F applies them to your data.\n";
}

}  // namespace fluxsbi::experiment
