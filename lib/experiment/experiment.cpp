#include "experiment/experiment.hpp"

#include "config/reader.hpp"
#include "core/error.hpp"
#include "data/data_section.hpp"
#include "data/dataset.hpp"
#include "data/screening/choose_x.hpp"
#include "data/simulate/online.hpp"
#include "experiment/recommendation.hpp"

namespace fluxsbi::experiment {

namespace {

// Puts the values of x that are found in the data in place of `auto`.
void choose_values(Experiment& experiment, config::Reader& reader, uint64_t seed) {
  data::DataOptions& data = experiment.data;
  if (!data.use_x.automatic) return;
  if (!data.has_source()) {
    reader.problem(
        "data.use_x",
        "= auto looks at the data, and no data are named: use --data F, --task NAME or the section "
        "data");
    data.use_x = {};
    return;
  }
  const data::ChosenX chosen = data::choose_x(data, seed);
  experiment.x_choice = "data.use_x: auto: " + chosen.choice + ": " + chosen.reason;
}

// Puts the model that the recipe chooses for the data in place of `auto`, and says by which rule in `choice`.
void choose_for_data(Experiment& experiment, config::Reader& reader) {
  experiment.strategy.model = method::StrategyOptions().model;
  if (!experiment.data.has_source()) {
    reader.problem("strategy.model",
                   "= auto looks at the data's shape, and no data are named: use --data F, "
                   "--task NAME or the section data");
    return;
  }
  RecipeFacts facts = data_facts(experiment.data, experiment.simulator, experiment.prior);
  facts.embedded = experiment.embedding.active();
  const ModelRule& rule = choose_model(facts);
  experiment.strategy.model = rule.model;
  experiment.choice = "strategy.model: auto chose " + std::string(rule.model) + " [" + std::string(rule.id) +
                      "]: " + std::string(rule.reason);
}

void check_online(config::Reader& reader, const Experiment& experiment) {
  const data::DataOptions& data = experiment.data;
  if (!data.online) {
    if (data.reuse != data::DataOptions{}.reuse)
      reader.warning("data.reuse", "has no effect without data.online: true");
    return;
  }
  const std::string problem = data::online_problem(data, experiment.simulator);
  if (!problem.empty()) reader.problem("data.online", problem);
  if (data.symmetries != data::DataOptions{}.symmetries) {
    reader.warning("data.symmetries", "has no effect with data.online: every pair is simulated anew");
  }
  if (!data.use_x.names.empty())
    reader.problem("data.use_x",
                   "is for rows of files or of a task, and data.online simulates while training; "
                   "set data.use_x: all, or let the simulator leave the values out");
}

// Returns the reader's warnings or throws all its problems. If `auto` chose the model, the error says that,
// too.
std::vector<std::string> finish(config::Reader& reader, const std::string& choice) {
  try {
    return reader.finish();
  } catch (const core::UserErrors& problems) {
    if (choice.empty()) throw;
    throw core::UserErrors({problems.what(), choice + " Name a model to have another."});
  }
}

// Checks the options of the data against the needs of the embedding network, and resolves those that are
// `auto`.
void check_embedding(config::Reader& reader, const model::EmbeddingSpec& embedding, data::DataOptions& data) {
  const std::string& network = embedding.options().network;
  data::resolve(data, embedding.standardisation());
  const bool by_place =
      data.standardise_x == data::Standardise::per_feature || data.standardise_x == data::Standardise::robust;
  if (network == "set" && by_place) {
    reader.problem("data.standardise_x",
                   config::name_of(data.standardise_x) +
                       " would shift the elements of a set by their order; use per_channel");
  }
  if (data.nan != data::NanPolicy::impute && data.missing_rate) {
    reader.warning("data.missing_rate", "has no effect here: it is for data.nan: impute");
    data.missing_rate.reset();
  }
}

// A regression of theta on x needs all of x in every row, and a model that is always asked for theta given x.
// `auto` does without where one is missing, and says so.
void check_regression(config::Reader& reader, Experiment& experiment) {
  const data::RegressionKind wanted = experiment.data.regression;
  if (wanted == data::RegressionKind::none) return;
  const auto refuse = [&](const std::string& why) {
    if (wanted == data::RegressionKind::automatic) {
      reader.warning("data.regression", "auto is none here: a regression " + why);
      experiment.data.regression = data::RegressionKind::none;
      return;
    }
    reader.problem("data.regression", config::name_of(wanted) + " " + why + "; set data.regression: none");
  };
  if (experiment.strategy.model != "flux1")
    refuse("is for flux1, which learns theta given x alone, and strategy.model is " +
           experiment.strategy.model);
  if (experiment.strategy.condition_drop_rate > 0)
    refuse(
        "does not go with strategy.condition_drop_rate: without x there is nothing to take the residual of");
  if (experiment.data.nan == data::NanPolicy::impute || experiment.data.nan == data::NanPolicy::pad)
    refuse("needs every value of x, and data.nan: " + config::name_of(experiment.data.nan) +
           " lets them be missing");
}

}  // namespace

uint64_t seed_of(const config::Value& document) {
  const config::Value* training = document.find("training");
  const config::Value* seed = training ? training->find("seed") : nullptr;
  int64_t number = train::TrainingOptions{}.seed;
  if (seed) static_cast<void>(config::read(*seed, number));  // what is no number is told by the reader
  return static_cast<uint64_t>(number);
}

Experiment read_experiment(const config::Value& document) {
  Experiment experiment;
  config::Reader reader(document);
  data::read_data_section(reader, experiment.data);
  reader.read(data::simulator_table(), experiment.simulator);
  check_online(reader, experiment);
  choose_values(experiment, reader, seed_of(document));
  read_estimator(reader, experiment, [&](Estimator& estimator, config::Reader& problems) {
    data::adopt_names(estimator.prior, experiment.data.theta_names, problems);
    choose_for_data(experiment, problems);
  });
  data::adopt_names(experiment.prior, experiment.data.theta_names, reader);
  check_embedding(reader, experiment.embedding, experiment.data);
  check_regression(reader, experiment);
  reader.read(train::optimizer_table(), experiment.optimizer);
  reader.read(train::training_table(), experiment.training);
  reader.read(train::output_table(), experiment.output);
  train::resolve(experiment.optimizer, experiment.training, reader);
  experiment.warnings = finish(reader, experiment.choice);
  return experiment;
}

std::string resolved_yaml(const Experiment& experiment) {
  config::Writer writer;
  writer.add(method::strategy_table(), experiment.strategy);
  experiment.method->write(writer);
  experiment.model->write(writer);
  writer.add(method::condition_mask_table(), experiment.condition_mask);
  experiment.embedding.write(writer);
  writer.add(data::data_table(), experiment.data);
  writer.add(data::data_names_table(), experiment.data);
  writer.add(data::prior_table(), experiment.prior);
  writer.add(data::simulator_table(), experiment.simulator);
  writer.add(train::optimizer_table(), experiment.optimizer);
  writer.add(train::training_table(), experiment.training);
  writer.add(train::output_table(), experiment.output);
  writer.add(sample::sampling_table(), experiment.sampling);
  if (experiment.distillation.active()) writer.add(method::distillation_table(), experiment.distillation);
  return writer.text();
}

std::string option_reference() {
  std::string text =
      "# Configuration\n\n`fluxsbi info --config-reference` writes this page from the program's own option "
      "tables.\n\nThe sections `strategy` and `model` have a table for each method and model. A config holds "
      "the keys of the method and the model that it names, and any other key is an error. Words such as "
      "token, cond and older generation are explained in docs/glossary.md.\n\n";
  text += config::reference(method::strategy_table());
  for (const auto& row : method::methods()) text += row.make()->reference();
  for (const auto& row : model::models()) text += row.make()->reference();
  text += config::reference(method::condition_mask_table());
  text += config::reference(model::embedding_table());
  text += config::reference(data::data_table());
  text += config::reference(data::data_names_table());
  text += config::reference(data::prior_table());
  text += config::reference(data::simulator_table());
  text += config::reference(train::optimizer_table());
  text += config::reference(train::training_table());
  text += config::reference(train::output_table());
  text += config::reference(sample::sampling_table());
  return text + config::reference(method::distillation_table());
}

bool is_ensemble(const Experiment& experiment) {
  return experiment.training.ensemble > 1 && !experiment.training.member;
}

}  // namespace fluxsbi::experiment
