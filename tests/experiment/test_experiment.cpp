// Reading a whole configuration: the sections' order, what they ask of each other, and the one text of all
// problems.
#include <set>
#include <string>

#include "core/error.hpp"
#include "data/simulate/simulation_config.hpp"
#include "experiment/estimator.hpp"
#include "experiment/experiment.hpp"
#include "support/catch.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;

namespace {

experiment::Experiment read(const std::string& yaml) {
  return experiment::read_experiment(config::parse_yaml(yaml, "a.yaml"));
}

std::string problems_of(const std::string& yaml) {
  try {
    read(yaml);
  } catch (const core::UserErrors& problems) {
    return problems.what();
  }
  return "no problem";
}

}  // namespace

TEST_CASE("a config's sections become one typed whole, with aliases resolved", "[experiment][reading]") {
  const auto whole = read(
      "strategy: {method: edm, model: simformer}\nmodel: {num_layers: 3}\n"
      "data: {task: two_moons, simulations: 50}\nprior: {kind: box, low: [0, 0], high: [1, 2]}\n"
      "training: {nsteps: 7, batch_size: 3}\nsampling: {solver: heun}\n");
  CHECK(whole.strategy.model == "simformer");
  CHECK(whole.strategy.method == "diffusion");
  CHECK(whole.method->name() == "diffusion");
  CHECK(whole.model->name() == "simformer");
  CHECK(whole.data.task == "two_moons");
  CHECK(whole.data.simulations == 50);
  CHECK(whole.prior.high == std::vector<double>{1, 2});
  CHECK(whole.training.nsteps == 7);
  CHECK(whole.sampling.solver == "heun");
  CHECK(whole.warnings.empty());
  CHECK(whole.choice.empty());
}

TEST_CASE("simulations need the sections data, simulator and prior, and all others are those of models",
          "[experiment][reading]") {
  const auto models = data::sections_of_models();
  const std::string reference = experiment::option_reference();
  std::set<std::string> sections;
  for (size_t at = 0; (at = reference.find("\n## ", at)) != std::string::npos;) {
    at += 4;
    const std::string section = reference.substr(at, reference.find_first_of(" .\n", at) - at);
    if (section != "data" && section != "simulator" && section != "prior") sections.insert(section);
  }
  CHECK(sections == std::set<std::string>(models.begin(), models.end()));
}

TEST_CASE("all problems of a config are told at once, in the order of the file",
          "[experiment][reading][errors]") {
  const std::string problems = problems_of(
      "training: {nsteps: -1}\nstrategy: {model: flux9, method: flwo}\nsampling: {solver: rk5}\nextra: 1\n");
  const auto at = [&](const std::string& text) {
    INFO(text);
    const size_t place = problems.find(text);
    REQUIRE(place != std::string::npos);
    return place;
  };
  INFO(problems);
  CHECK(at("a.yaml:1:20: training.nsteps") < at("a.yaml:2:19: strategy.model 'flux9' is unknown"));
  CHECK(at("strategy.model 'flux9'") < at("a.yaml:2:34: strategy.method 'flwo' is unknown"));
  CHECK(at("strategy.method 'flwo'") < at("a.yaml:3:20: sampling.solver"));
  CHECK(at("a.yaml:3:20: sampling.solver") < at("a.yaml:4:1: unknown section 'extra'"));
}

TEST_CASE("task_name names the data where nothing else does, and is said to be idle elsewhere",
          "[experiment][reading]") {
  const auto named = read("task_name: two_moons\n");
  CHECK(named.data.task == "two_moons");
  CHECK(named.warnings.empty());

  const auto other = read("task_name: two_moons\ndata: {file: a.npz}\n");
  CHECK(!other.data.task);
  REQUIRE(other.warnings.size() == 1);
  CHECK(other.warnings[0] == "a.yaml:1:12: task_name has no effect: the data are named elsewhere");

  const auto unknown = read("task_name: my_simulator\n");
  CHECK(!unknown.data.task);
  REQUIRE(unknown.warnings.size() == 1);
  CHECK(unknown.warnings[0] == "a.yaml:1:12: task_name has no effect: no built-in task has this name");
}

TEST_CASE("model auto takes the recipe's choice for the data, and needs data",
          "[experiment][reading][auto]") {
  const auto chosen = read("strategy: {model: auto}\ndata: {task: two_moons}\n");
  CHECK(chosen.strategy.model == "flux1");
  CHECK(chosen.model->name() == "flux1");
  CHECK_THAT(chosen.choice, ContainsSubstring("auto chose flux1 [recipe.few-dimensions]"));
  CHECK_THAT(problems_of("strategy: {model: auto}\n"),
             ContainsSubstring("a.yaml:1:19: strategy.model = auto looks at the data's shape"));
  CHECK_THAT(problems_of("strategy: {model: auto}\ndata: {task: two_moons}\nmodel: {num_layers: 4}\n"),
             ContainsSubstring("unknown key 'model.num_layers'") &&
                 ContainsSubstring("Name a model to have another"));
}

TEST_CASE("an embedding network decides how x is standardised, and refuses what it cannot take",
          "[experiment][reading][errors]") {
  const auto set = read("embedding: {network: set}\ndata: {file: a.npz, nan: pad}\n");
  CHECK(set.data.standardise_x == data::Standardise::per_channel);
  const auto joint = experiment::read_experiment(
      config::parse_yaml("strategy: {model: simformer}\ndata: {file: a.npz, regression: auto}\n", "config"));
  CHECK(joint.data.regression == data::RegressionKind::none);
  REQUIRE(joint.warnings.size() == 1);
  CHECK_THAT(joint.warnings[0], ContainsSubstring("auto is none here: a regression is for flux1"));
  CHECK_THAT(problems_of("strategy: {model: simformer}\ndata: {file: a.npz, regression: linear}\n"),
             ContainsSubstring("data.regression") &&
                 ContainsSubstring("is for flux1, which learns theta given x alone"));
  CHECK_THAT(problems_of("strategy: {model: flux1}\ndata: {file: a.npz, regression: linear, nan: impute}\n"),
             ContainsSubstring("needs every value of x, and data.nan: impute lets them be missing"));
  CHECK_THAT(problems_of("strategy: {model: flux1, condition_drop_rate: 0.1}\n"
                         "data: {file: a.npz, regression: linear}\n"),
             ContainsSubstring("does not go with strategy.condition_drop_rate"));
  CHECK_THAT(problems_of("embedding: {network: set}\ndata: {file: a.npz, standardise_x: per_feature}\n"),
             ContainsSubstring("data.standardise_x per_feature would shift the elements of a set"));
  // Elements of varying number share a mean and a scale whatever the network.
  CHECK(read("data: {file: a.npz, nan: pad}\n").data.standardise_x == data::Standardise::per_channel);
  const auto impute = read("data: {file: a.npz, nan: impute}\n");
  CHECK_FALSE(impute.data.missing_rate);  // as the rows suggest, which are not read here
  CHECK(impute.data.standardise_x == data::Standardise::per_feature);
  const auto drop = read("data: {file: a.npz, nan: drop, missing_rate: 0.1}\n");
  CHECK_FALSE(drop.data.missing_rate);
  REQUIRE(drop.warnings.size() == 1);
  CHECK_THAT(drop.warnings[0], ContainsSubstring("data.missing_rate has no effect here"));
}

TEST_CASE("the resolved text of a config reads as the same config", "[experiment][reading]") {
  for (const std::string model : {"flux1", "flux1joint", "simformer"}) {
    for (const std::string method : {"flow", "diffusion", "score_matching"}) {
      INFO(model + ", " + method);
      const auto first = read("strategy: {method: " + method + ", model: " + model +
                              "}\ndata: {task: two_moons, names: {theta: [a, b]}}\ntraining: {nsteps: 9}\n");
      const std::string text = experiment::resolved_yaml(first);
      const auto second = read(text);
      CHECK(experiment::resolved_yaml(second) == text);
      CHECK(second.data.theta_names == std::vector<std::string>{"a", "b"});
      CHECK(second.training.nsteps == 9);
    }
  }
}

TEST_CASE("an estimator is read from its own sections alone", "[experiment][reading]") {
  const auto read_part = [](const std::string& yaml) {
    return experiment::read_estimator(config::parse_yaml(yaml, "model"));
  };
  const auto estimator = read_part(
      "strategy: {method: flow, model: flux1, condition_drop_rate: 0.1}\n"
      "sampling: {steps: 12, solver: rk4}\nlater_section: {unknown: 1}\n");
  CHECK(estimator.model->name() == "flux1");
  CHECK(estimator.sampling.steps == 12);
  CHECK(estimator.strategy.condition_drop_rate == 0.1);
  CHECK_THROWS_WITH(read_part("strategy: {model: auto}\n"),
                    ContainsSubstring("model:1:19: strategy.model 'auto'"));
}

TEST_CASE("the reference of options names every section", "[experiment][reading]") {
  const std::string reference = experiment::option_reference();
  for (const std::string section : {"strategy", "model", "condition_mask", "embedding", "data", "data.names",
                                    "prior", "simulator", "optimizer", "training", "output", "sampling"}) {
    INFO(section);
    CHECK_THAT(reference, ContainsSubstring("\n## " + section));
  }
}
