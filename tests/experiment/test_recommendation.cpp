// Recommended configs: whatever the recipe chooses reads as a config of that very model and those data.
#include <string>

#include "core/error.hpp"
#include "experiment/experiment.hpp"
#include "experiment/recommendation.hpp"
#include "model/cards.hpp"
#include "model/embedding/embedded_network.hpp"
#include "support/catch.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;

namespace {

experiment::Recommendation recommend(const std::string& task, const std::vector<std::string>& sets = {}) {
  config::Value given = config::parse_yaml("data: {task: " + task + "}", "given");
  for (const auto& set : sets) config::set_from_command_line(given, set);
  return experiment::recommend(given);
}

// What its file reads as.
experiment::Experiment read_again(const experiment::Recommendation& made) {
  return experiment::read_experiment(config::parse_yaml(made.yaml(), "recommended"));
}

}  // namespace

TEST_CASE("a recommended config reads as one of the model and the data that it names",
          "[experiment][recommend]") {
  struct Case {
    std::string task, wanted, model, rule;
  };
  for (const Case& one :
       {Case{"two_moons", "", "", "few-dimensions"}, Case{"two_moons", "flux1", "flux1", ""},
        Case{"two_moons", "flux1joint", "flux1joint", ""}, Case{"gaussian_linear", "", "", "default"}}) {
    const auto made =
        recommend(one.task, one.wanted.empty() ? std::vector<std::string>{}
                                               : std::vector<std::string>{"strategy.model=" + one.wanted});
    INFO(made.yaml());
    const auto read = read_again(made);
    const std::string model = one.model.empty() ? std::string(made.recipe.rule->model) : one.model;
    CHECK(read.model->name() == model);
    CHECK(read.data.task == one.task);
    CHECK(read.data.simulations == data::DataOptions{}.simulations);
    CHECK(read.warnings.empty());
    CHECK_THAT(made.yaml(), ContainsSubstring("[recipe." + one.rule));
    CHECK(read.optimizer.max_lr == made.recipe.max_lr);
    CHECK(read.training.nsteps == made.recipe.steps);
    CHECK(read.condition_mask.posterior ==
          (model == "flux1" ? method::ConditionMaskOptions{}.posterior : made.recipe.posterior_weight));
  }
}

TEST_CASE("a file of the recipe says the same as its document", "[experiment][recommend]") {
  for (const char* task : {"two_moons", "slcp_distractors", "ar1_series", "blurred_source", "sir"}) {
    const auto made = recommend(task, {"data.simulations=2000"});
    INFO(made.yaml());
    CHECK(experiment::resolved_yaml(read_again(made)) ==
          experiment::resolved_yaml(experiment::read_experiment(made.document)));
  }
}

TEST_CASE("a comment of a recommended config stays within 100 columns", "[experiment][recommend]") {
  const std::string text = recommend("slcp_distractors").yaml();
  for (size_t begin = 0, end = 0; begin < text.size(); begin = end + 1) {
    end = text.find('\n', begin);
    if (text.find('#', begin) < end) CHECK(end - begin <= 100);
  }
}

TEST_CASE("a recommended config says of the data what it was told", "[experiment][recommend]") {
  const auto made = recommend("two_moons", {"data.nan=drop", "data.names.theta=[mass, spin]",
                                            "data.x_key=summaries", "data.transposed=false"});
  INFO(made.yaml());
  const auto read = read_again(made);
  CHECK(read.data.nan == data::NanPolicy::drop);
  CHECK(read.data.theta_names == std::vector<std::string>{"mass", "spin"});
  CHECK(read.data.x_names.empty());
  CHECK(read.data.x_key == "summaries");
  CHECK(read.data.transposed == false);
}

TEST_CASE("text that YAML would take for something else stays text", "[experiment][recommend]") {
  const auto made = recommend("two_moons", {"data.names.theta=['1', 'a, b']"});
  INFO(made.yaml());
  CHECK(read_again(made).data.theta_names == std::vector<std::string>{"1", "a, b"});
}

TEST_CASE("what the user sets goes before the recipe, and takes along what belongs to it",
          "[experiment][recommend]") {
  const auto steps = recommend("two_moons", {"training.nsteps=77"});
  CHECK(read_again(steps).training.nsteps == 77);
  CHECK_THAT(steps.yaml(),
             ContainsSubstring("you chose it; the recipe has " + std::to_string(steps.recipe.steps)));

  const auto uniform = read_again(recommend("two_moons", {"strategy.time_distribution=uniform"}));
  CHECK(uniform.warnings.empty());
  CHECK(uniform.strategy.levels == method::Levels::fixed);

  const auto learned = read_again(recommend("two_moons", {"strategy.levels=learned"}));
  CHECK(learned.warnings.empty());
  CHECK(learned.strategy.levels == method::Levels::learned);

  const auto plateau = read_again(recommend("two_moons", {"optimizer.schedule=plateau"}));
  CHECK(plateau.warnings.empty());
  CHECK(plateau.optimizer.patience == 10);

  const auto slow = read_again(recommend("two_moons", {"optimizer.max_lr=1e-7"}));
  CHECK(*slow.optimizer.min_lr < 1e-7);

  for (const char* method : {"diffusion", "score_matching", "edm"}) {
    const auto other = read_again(recommend("two_moons", {std::string("strategy.method=") + method}));
    CHECK(other.warnings.empty());
  }
  const auto layers = read_again(
      recommend("two_moons", {"strategy.model=simformer", "model.depth=7", "condition_mask.kind=posterior"}));
  CHECK(layers.warnings.empty());
  CHECK(layers.condition_mask.kind == method::MaskKind::posterior);

  const auto set = read_again(recommend("two_moons", {"embedding.network=mlp"}));
  CHECK(set.model->name() == "flux1");
}

TEST_CASE("a config of data and a prior leaves the training to the recipe", "[experiment][recommend]") {
  const auto given = config::parse_yaml(
      "data: {task: two_moons}\nprior: {kind: box, low: [-1, -1], high: [1, 1]}\n"
      "output: {tensorboard: false}\n",
      "a.yaml");
  CHECK(experiment::leaves_training_open(given));
  CHECK_FALSE(experiment::leaves_training_open(config::parse_yaml("training: {nsteps: 5}", "b.yaml")));
  const auto read = read_again(experiment::recommend(given));
  CHECK(read.prior.kind == data::PriorKind::box);
  CHECK(read.prior.low == std::vector<double>{-1, -1});
  CHECK_FALSE(read.output.tensorboard);
}

TEST_CASE("the networks of the recipe keep the limits of their own cards", "[experiment][recommend]") {
  for (const char* task : {"two_moons", "slcp", "gaussian_linear", "sir"}) {
    for (const char* model : {"flux1", "flux1joint", "simformer"}) {
      const auto made = recommend(task, {std::string("strategy.model=") + model});
      for (const auto& document : {made.document, made.with_small_network()}) {
        auto read = experiment::read_experiment(document);
        read.model->resolve(made.facts.shape);
        for (const auto& finding : model::findings(*read.model, made.facts.shape)) {
          INFO(task << " " << model << ": " << finding.text());
          for (const char* number : {".depth-ratio", ".features", ".layers", ".width"})
            CHECK_FALSE(finding.rule->id == std::string(model) + number);
        }
      }
    }
  }
}

TEST_CASE("every embedding network that the recipe chooses can be built", "[experiment][recommend]") {
  data::DataShape series, image, set, vector, wide;
  series.x_dim = 400;
  series.x_channels = 2;
  image.x_dim = 1024;
  image.x_grid = {32, 32};
  set.x_dim = 200;
  set.x_channels = 2;
  set.padded = true;
  vector.x_dim = 128;
  wide.x_dim = 2000;
  for (data::DataShape shape : {series, image, set, vector, wide}) {
    shape.theta_dim = 2;
    const std::string section = experiment::choose_embedding(shape).yaml();
    INFO(section);
    auto read = experiment::read_experiment(
        config::parse_yaml("strategy: {model: flux1}\nembedding: " + section + "\n", "section"));
    const data::DataShape seen = model::resolve(*read.model, read.embedding, shape);
    CHECK(seen.x_dim < shape.x_dim);
  }
}

TEST_CASE("a recommendation for no task or no model is a user's error", "[experiment][recommend][errors]") {
  CHECK_THROWS_AS(recommend("two_mons"), core::UserError);
  CHECK_THROWS_WITH(recommend("two_moons", {"strategy.model=fluks"}), ContainsSubstring("flux1"));
  CHECK_THROWS_WITH(recommend("two_moons", {"training.nstep=3"}), ContainsSubstring("did you mean 'nsteps'"));
  CHECK_THROWS_WITH(experiment::recommend(config::parse_yaml("{}", "the command line")),
                    ContainsSubstring("--data"));
}
