// Recommended configs: whatever is recommended reads as a config of that very model and those data.
#include <string>

#include "core/error.hpp"
#include "experiment/experiment.hpp"
#include "experiment/recommendation.hpp"
#include "support/catch.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;

namespace {

data::DataOptions task(const std::string& name) {
  data::DataOptions source;
  source.task = name;
  return source;
}

}  // namespace

TEST_CASE("a recommended config reads as one of the model and the data that it names",
          "[experiment][recommend]") {
  struct Case {
    std::string task, wanted, model, rule;
  };
  for (const Case& one : {Case{"two_moons", "", "simformer", "choice.few-dimensions"},
                          Case{"two_moons", "flux1", "flux1", "choice.few-dimensions"},
                          Case{"two_moons", "flux1joint", "flux1joint", "choice.few-dimensions"},
                          Case{"gaussian_linear", "", "flux1", "choice."}}) {
    const std::string text = experiment::recommended_config(task(one.task), one.wanted);
    INFO(text);
    const auto read = experiment::read_experiment(config::parse_yaml(text, "recommended"));
    CHECK(read.model->name() == one.model);
    CHECK(read.data.task == one.task);
    CHECK(read.warnings.empty());
    CHECK_THAT(text, ContainsSubstring("[" + one.rule));
    CHECK(read.optimizer.max_lr == 1e-3);
    CHECK(read.condition_mask.posterior ==
          (one.model == "flux1" ? method::ConditionMaskOptions{}.posterior : 0.8));
  }
}

TEST_CASE("a comment of a recommended config stays within 100 columns", "[experiment][recommend]") {
  const std::string text = experiment::recommended_config(task("slcp_distractors"));
  for (size_t begin = 0, end = 0; begin < text.size(); begin = end + 1) {
    end = text.find('\n', begin);
    if (text[begin] == '#') CHECK(end - begin <= 100);
  }
}

TEST_CASE("a recommended config says of the data what it was told", "[experiment][recommend]") {
  auto source = task("two_moons");
  source.nan = data::NanPolicy::drop;
  source.theta_names = {"mass", "spin"};
  source.ignore = {"id"};
  source.transposed = false;
  const auto read =
      experiment::read_experiment(config::parse_yaml(experiment::recommended_config(source), "recommended"));
  CHECK(read.data.nan == data::NanPolicy::drop);
  CHECK(read.data.theta_names == source.theta_names);
  CHECK(read.data.x_names.empty());
  CHECK(read.data.ignore == source.ignore);
  CHECK(read.data.transposed == false);
}

TEST_CASE("a recommendation for no task or no model is a user's error", "[experiment][recommend][errors]") {
  CHECK_THROWS_AS(experiment::recommended_config(task("two_mons")), core::UserError);
  CHECK_THROWS_WITH(experiment::recommended_config(task("two_moons"), "fluks"), ContainsSubstring("flux1"));
}
