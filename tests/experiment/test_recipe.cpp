// The rule set: shapes and numbers of simulations to choices, and steps to the time that is given.
#include <set>

#include <catch2/catch_approx.hpp>

#include "checkpoint/model_file.hpp"
#include "core/system.hpp"
#include "experiment/recommendation.hpp"
#include "experiment/training_run.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace fluxsbi;
using experiment::RecipeFacts;

namespace {

RecipeFacts facts_with(int64_t theta, int64_t x, int64_t rows = 10'000) {
  RecipeFacts facts;
  facts.shape.theta_dim = theta;
  facts.shape.x_dim = x;
  facts.rows = rows;
  return facts;
}

std::set<std::string> keys_for(const RecipeFacts& facts) {
  std::set<std::string> keys;
  for (const auto& choice : choices_of(make_recipe(facts), facts)) {
    for (const auto& key : choice.keys) keys.insert(key.path);
  }
  return keys;
}

}  // namespace

TEST_CASE("the first model rule that holds decides, and one holds for any data", "[experiment][recipe]") {
  const auto rule = [](RecipeFacts facts) { return std::string(choose_model(facts).id); };
  CHECK(rule(facts_with(2, 2)) == "recipe.few-dimensions");
  CHECK(rule(facts_with(2, 2, 1000)) == "recipe.few-dimensions");
  CHECK(rule(facts_with(11, 4, 1000)) == "recipe.few-simulations");
  CHECK(rule(facts_with(2, 2, 0)) == "recipe.few-dimensions");  // without end
  CHECK(rule(facts_with(5, 8)) == "recipe.some-dimensions");
  CHECK(rule(facts_with(10, 7)) == "recipe.default");
  CHECK(rule(facts_with(11, 3)) == "recipe.many-dimensions");
  CHECK(rule(facts_with(2, 101)) == "recipe.many-dimensions");
  CHECK(rule(facts_with(4, 0)) == "recipe.unconditional-few");
  CHECK(rule(facts_with(20, 0)) == "recipe.unconditional");
  auto channels = facts_with(2, 2);
  channels.shape.x_channels = 3;
  CHECK(rule(channels) == "recipe.channels");
  auto embedded = facts_with(2, 2);
  embedded.embedded = true;
  CHECK(rule(embedded) == "recipe.embedding");
  std::set<std::string_view> ids;
  for (const auto& row : experiment::model_rules()) {
    CHECK(ids.insert(row.id).second);
    CHECK_FALSE(row.reason.empty());
  }
}

TEST_CASE("more simulations never get fewer steps or less time", "[experiment][recipe]") {
  int64_t steps = 0;
  double minutes = 0, posterior = 0;
  for (const int64_t rows : {2, 10, 500, 1000, 2000, 5000, 10'000, 30'000, 100'000, 1'000'000}) {
    auto joint = facts_with(5, 8, rows);
    const auto recipe = make_recipe(joint);
    joint.model = "flux1joint";
    INFO(rows << " rows: " << recipe.steps << " steps");
    CHECK(recipe.steps >= steps);
    CHECK(recipe.minutes >= minutes);
    // Of few simulations the other masks keep a joint model from learning them by heart.
    CHECK(make_recipe(joint).posterior_weight >= posterior);
    CHECK(recipe.steps % 500 == 0);
    CHECK(recipe.least_steps <= recipe.steps);
    CHECK(recipe.val_every >= 1);
    CHECK(recipe.val_every <= recipe.steps / 10);
    CHECK(recipe.validation_fraction > 0);
    CHECK(recipe.validation_fraction < 0.5);
    CHECK(recipe.min_lr < recipe.max_lr);
    steps = recipe.steps;
    minutes = recipe.minutes;
    posterior = make_recipe(joint).posterior_weight;
  }
  CHECK(posterior == 4 * make_recipe(facts_with(5, 8, 1000)).posterior_weight);
  // Simulations that never end are as many as the table knows.
  CHECK(make_recipe(facts_with(5, 8, 0)).steps == steps);
}

TEST_CASE("x of few rows and many values has noise in training", "[experiment][recipe]") {
  const auto noisy = [](const RecipeFacts& facts) { return keys_for(facts).count("training.x_noise") == 1; };
  CHECK(noisy(facts_with(10, 10, 1000)));
  CHECK_FALSE(noisy(facts_with(2, 2, 1000)));
  CHECK_FALSE(noisy(facts_with(5, 8, 1000)));       // flux1joint
  CHECK_FALSE(noisy(facts_with(10, 10, 100'000)));  // rows enough
  CHECK_FALSE(noisy(facts_with(10, 10, 0)));        // simulations without end
  CHECK_FALSE(noisy(facts_with(10, 100, 600)));     // behind residual_mlp
}

TEST_CASE("every model has a network of its own, and a smaller one", "[experiment][recipe]") {
  for (const std::string model : {"flux1", "flux1joint", "simformer"}) {
    auto facts = facts_with(3, 4);
    facts.model = model;
    const auto recipe = make_recipe(facts);
    CHECK(recipe.model == model);
    CHECK(recipe.network.model == model);
    CHECK(recipe.small_network.model == model);
    CHECK(recipe.small_network.blocks < recipe.network.blocks);
    // A posterior is one of the conditionals of a joint model.
    CHECK(keys_for(facts).count("condition_mask.posterior") == (model == "flux1" ? 0u : 1u));
  }
  CHECK(keys_for(facts_with(3, 0)).count("condition_mask.posterior") == 0);
}

TEST_CASE("joint models of few simulations are narrower", "[experiment][recipe]") {
  const auto features = [](int64_t rows, const std::string& model) {
    auto facts = facts_with(5, 8, rows);
    facts.model = model;
    const auto network = make_recipe(facts).network;
    return network.heads * (network.value + network.id + network.condition);
  };
  CHECK(features(1000, "flux1joint") < features(10'000, "flux1joint"));
  CHECK(features(0, "flux1joint") == features(10'000, "flux1joint"));  // simulations without end
  CHECK(features(1000, "flux1") == features(10'000, "flux1"));
}

TEST_CASE("rows in many forms train as long as more rows, by as wide a network",
          "[experiment][recipe][symmetry]") {
  auto facts = facts_with(5, 8, 1000);
  const auto plain = make_recipe(facts);
  facts.forms = 4;
  const auto some = make_recipe(facts);
  facts.forms = experiment::most_counted_forms;
  const auto many = make_recipe(facts), more_rows = make_recipe(facts_with(5, 8, 10'000));
  CHECK(plain.steps < some.steps);
  CHECK(some.steps < many.steps);
  CHECK(many.steps == more_rows.steps);
  CHECK(many.posterior_weight == more_rows.posterior_weight);
  CHECK(plain.narrow);
  CHECK_FALSE(many.narrow);
  // What rests on how many rows there are stays.
  CHECK(many.minutes == plain.minutes);
  CHECK(many.members == plain.members);
  CHECK(many.validation_fraction == plain.validation_fraction);

  const auto steps_of = [](const std::string& keys) {
    const config::Value document =
        config::parse_yaml("data: {task: two_moons, simulations: 600" + keys + "}", "it");
    const auto steps = experiment::recommend(document).document.find("training")->find("nsteps");
    return std::stoll(steps->scalar);
  };
  CHECK(steps_of("") > steps_of(", symmetries: none"));
  CHECK(steps_of(", symmetries: auto") == steps_of(""));
}

TEST_CASE("fixed levels are written in the words of each method", "[experiment][recipe]") {
  auto facts = facts_with(2, 2);
  facts.learned_levels = false;
  CHECK(keys_for(facts).count("strategy.time_distribution") == 1);
  for (const char* method : {"diffusion", "score_matching"}) {
    facts.method = method;
    CHECK(keys_for(facts).count("strategy.time_distribution") == 0);
    CHECK(keys_for(facts).count("strategy.sigma_mean") == 1);
  }
  facts.learned_levels = true;
  CHECK(keys_for(facts).count("strategy.levels") == 1);
  CHECK(keys_for(facts).count("strategy.sigma_mean") == 0);
}

TEST_CASE("Flux1 learns what a regression leaves where there are rows enough and x is whole",
          "[experiment][recipe]") {
  const auto regression = [](const RecipeFacts& facts) {
    return keys_for(facts).count("data.regression") == 1;
  };
  CHECK(regression(facts_with(2, 2)));
  CHECK(regression(facts_with(10, 20, 1000)));
  CHECK(regression(facts_with(10, 20, 160)));
  CHECK_FALSE(regression(facts_with(10, 21, 160)));  // fewer than 8 rows for each value of x
  CHECK_FALSE(regression(facts_with(5, 8)));         // flux1joint
  CHECK_FALSE(regression(facts_with(2, 2, 0)));      // simulations without end: nothing is known of the first
  CHECK(regression(facts_with(2, 100)));             // behind an embedding network of a plain vector
  CHECK_FALSE(regression(facts_with(2, 201, 1'000'000)));  // too many values
  auto facts = facts_with(2, 2);
  facts.whole_x = false;
  CHECK_FALSE(regression(facts));
  facts = facts_with(2, 2);
  facts.embedded = true;
  CHECK_FALSE(regression(facts));
  facts = facts_with(2, 2);
  facts.model = "simformer";
  CHECK_FALSE(regression(facts));
}

TEST_CASE("x of many tokens gets an embedding network of its kind, unless one is named",
          "[experiment][recipe]") {
  auto facts = facts_with(2, 128);
  CHECK(make_recipe(facts).embedding.network == "residual_mlp");
  facts.shape.x_dim = 2000;
  CHECK(make_recipe(facts).embedding.network == "patchify");
  facts.shape.x_channels = 2;
  CHECK(make_recipe(facts).embedding.network == "cnn1d");
  facts.shape.padded = true;
  CHECK(make_recipe(facts).embedding.network == "set");
  facts.shape.padded = false;
  facts.shape.x_channels = 1;
  facts.shape.x_dim = 1024;
  facts.shape.x_grid = {32, 32};
  CHECK(make_recipe(facts).embedding.network == "cnn2d");
  CHECK(make_recipe(facts).embedding.yaml() == "{network: cnn2d, channels: [16, 32], features: 32}");
  facts.embedded = true;
  CHECK(make_recipe(facts).embedding.network.empty());
  CHECK(make_recipe(facts_with(2, 64)).embedding.network.empty());
  CHECK(make_recipe(facts_with(2, 65)).embedding.network == "residual_mlp");
}

TEST_CASE("a linear embedding network is for x that tells little beyond linear functions of it",
          "[experiment][recipe]") {
  auto facts = facts_with(3, 100);
  facts.rows = 10'000;
  facts.beyond_linear = 0.02;
  CHECK(make_recipe(facts).embedding.yaml() == "{network: linear, tokens: 3, features: 1}");
  CHECK(make_recipe(facts).regression);
  facts.beyond_linear = 0.2;
  CHECK(make_recipe(facts).embedding.network == "residual_mlp");
  facts.beyond_linear = 0.02;
  facts.rows = 1000;
  CHECK(make_recipe(facts).embedding.yaml() == "{network: linear, tokens: 3, features: 1, learned: false}");
  facts.rows = 700;  // too few for a regression on as many values
  CHECK(make_recipe(facts).embedding.network == "residual_mlp");
}

TEST_CASE("where the time holds few steps the smaller network trains, as its config says",
          "[experiment][recipe]") {
  const test::TemporaryFolder folder;
  config::Value given = config::parse_yaml(
      "data: {task: two_moons, simulations: 300}\ntraining: {batch_size: 4, validation_evaluations: 1}\n"
      "strategy: {model: simformer}\n",
      "given");
  const auto made = experiment::recommend(given);
  experiment::TimeBudget budget;
  budget.minutes = 1;
  budget.asked = true;
  budget.started = core::steady_seconds();
  budget.most_steps = 210;
  budget.least_steps = 1'000'000;  // no machine takes so many in a minute
  budget.small_network = experiment::read_experiment(made.with_small_network()).model;
  const std::string run = folder.file("run");
  experiment::start_training(run, experiment::read_experiment(made.document), {}, budget);
  const auto trained = experiment::read_experiment(config::load_yaml(run + "/config.yaml"));
  CHECK(trained.training.nsteps == 210);
  CHECK(trained.optimizer.warmup_steps == 21);
  CHECK(experiment::resolved_yaml(trained).find(
            "num_layers: " + std::to_string(made.recipe.small_network.blocks)) != std::string::npos);
  const auto model = checkpoint::load_model(run + "/model.safetensors");
  CHECK(model.config == experiment::resolved_yaml(trained));
}

TEST_CASE("time for several models makes an ensemble, and members share the time", "[experiment][recipe]") {
  config::Value given = config::parse_yaml(
      "data: {task: two_moons, simulations: 300}\ntraining: {batch_size: 4, validation_evaluations: 1}\n",
      "given");
  experiment::TimeBudget budget;
  budget.asked = true;
  budget.started = core::steady_seconds();
  budget.minutes = 1;
  budget.most_steps = 210;
  budget.most_members = 3;
  const auto fitted = [&](const char* setting) {
    config::Value document = experiment::recommend(given).document;
    if (*setting) config::set_from_command_line(document, setting);
    return experiment::prepare_training("unused", experiment::read_experiment(document), {}, budget)
        ->experiment()
        .training;
  };
  const auto several = fitted("");
  CHECK(several.ensemble == 3);
  CHECK(several.nsteps == 210);
  budget.most_members = 1;
  CHECK(fitted("").ensemble == 2);  // the recipe's own for so few simulations
  CHECK(fitted("training.ensemble=1").ensemble == 1);
  budget.asked = false;  // the recipe's own time
  budget.most_members = 2;
  CHECK(fitted("").ensemble == 2);
  budget.most_steps = 1'000'000;  // no machine takes so many in a minute: one member comes first
  CHECK(fitted("").ensemble == 1);
  budget.asked = true;
  budget.most_steps = 210;
  budget.most_members = 1;
  budget.minutes = 1e-3;  // for ten members no machine is fast enough
  CHECK_THROWS_WITH(fitted("training.ensemble=10"), Catch::Matchers::ContainsSubstring("10 members") &&
                                                        Catch::Matchers::ContainsSubstring("fewer members"));
}

TEST_CASE("members fill the room, and are no more than the budget says", "[experiment][recipe]") {
  experiment::TimeBudget budget;
  budget.most_steps = 1000;
  budget.most_members = 4;
  experiment::FittedSteps fitted;
  for (const auto& [room, members] :
       {std::pair<int64_t, int64_t>{100, 1}, {1999, 1}, {2000, 2}, {3999, 3}, {100'000, 4}}) {
    fitted.room = room;
    CHECK(experiment::fit_members(budget, fitted) == members);
  }
  budget.most_steps = 0;
  CHECK(experiment::fit_members(budget, fitted) == 1);
}

TEST_CASE("of few simulations two models are trained, and a line says which time trains more",
          "[experiment][recipe]") {
  CHECK(make_recipe(facts_with(2, 2, 1000)).members == 2);
  CHECK(make_recipe(facts_with(2, 2, 10'000)).members == 1);
  CHECK(make_recipe(facts_with(2, 2, 0)).members == 1);  // simulations without end
  train::Pace pace;
  pace.step_seconds = 0.02;
  experiment::TimeBudget budget;
  budget.minutes = 4;
  budget.most_steps = 6000;
  budget.better_members = 4;
  const auto said = [&](double seconds, int64_t members = 1) {
    return experiment::fitted_text(budget, pace, experiment::fit_steps(pace, seconds, 0, 6000), members, "");
  };
  CHECK(said(240).find("4 models that answer together are better than one, and --minutes 9 trains them") !=
        std::string::npos);
  CHECK(said(240, 2).find("2 members of 6000 steps") != std::string::npos);
  CHECK(said(240, 2).find("4 members are better still, and --minutes 9 trains them") != std::string::npos);
  CHECK(said(240, 4).find("better") == std::string::npos);
  CHECK(said(60).find("6000 would be better with these data") != std::string::npos);  // steps come first
  CHECK(said(240).find("the recipe's limit of 4 minutes: ") != std::string::npos);
  budget.minutes = 1;
  CHECK(said(60).find("the recipe's limit of 1 minute: ") != std::string::npos);
  budget.better_members = 1;
  CHECK(said(240).find("together") == std::string::npos);
}

TEST_CASE("steps fill the time with their validations, and no more than are of use", "[experiment][recipe]") {
  train::Pace pace;
  pace.step_seconds = 0.01;
  pace.validation_seconds = 0.02;
  const auto fitted = experiment::fit_steps(pace, 100, 0, 0);
  CHECK(fitted.steps > 9000);
  CHECK(fitted.seconds <= 100);
  CHECK(fitted.seconds > 95);
  CHECK(fitted.val_every == experiment::validation_interval(fitted.steps));
  CHECK(experiment::fit_steps(pace, 100, 0, 4000).steps == 4000);
  CHECK(experiment::fit_steps(pace, 100, 0, 4000).room == fitted.room);
  CHECK(experiment::fit_steps(pace, 1000, 0, 0, 10).steps == fitted.steps);  // each of ten members
  // Validations that take as long as 40 steps come every 1,340 steps, for 3 % of the time.
  pace.validation_seconds = 0.4;
  const auto rare = experiment::fit_steps(pace, 100, 0, 0);
  CHECK(rare.val_every == 1340);
  CHECK(rare.seconds <= 102);
  // A config's own interval stays, and its validations take their time.
  const auto kept = experiment::fit_steps(pace, 100, 10, 0);
  CHECK(kept.val_every == 10);
  CHECK(kept.steps == 2000);
  CHECK(kept.seconds == Catch::Approx(100));
  CHECK(experiment::fit_steps(pace, -3, 0, 0).steps == 0);
}
