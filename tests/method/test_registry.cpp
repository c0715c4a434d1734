#include <algorithm>
#include <string>

#include <catch2/matchers/catch_matchers_exception.hpp>

#include "config/reader.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "method/flow_matching.hpp"
#include "method/method.hpp"
#include "model/network.hpp"
#include "support/catch.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;

namespace {

// Reads the sections' keys as the program does, and writes them back.
std::string round_trip(const std::string& yaml) {
  const config::Value document = config::parse_yaml(yaml, "a.yaml");
  config::Reader reader(document);
  method::StrategyOptions strategy;
  reader.read(method::strategy_table(), strategy);
  const auto spec = method::make_spec(strategy.method);
  spec->read(reader);
  reader.finish();
  config::Writer writer;
  writer.add(method::strategy_table(), strategy);
  spec->write(writer);
  return writer.text();
}

std::string errors_of(const std::string& yaml) {
  try {
    round_trip(yaml);
  } catch (const core::UserError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("flow matching is found by its name and its alias", "[method][registry]") {
  CHECK(method::make_spec("flow")->name() == "flow");
  CHECK(method::make_spec("flow_matching")->name() == "flow");
  CHECK(method::make_spec("flow")->build()->name() == "flow");
}

TEST_CASE("an unknown method is answered with the nearest name and what is available", "[method][registry]") {
  CHECK_THROWS_WITH(method::make_spec("flwo"), ContainsSubstring("did you mean 'flow'"));
  CHECK_THROWS_WITH(method::make_spec("scores"), ContainsSubstring("available: flow, flow_matching"));
  CHECK_THROWS_AS(method::make_spec("normalizing_flow"), core::UserError);
}

TEST_CASE("diffusion is found by its name and its alias", "[method][registry]") {
  CHECK(method::make_spec("diffusion")->name() == "diffusion");
  CHECK(method::make_spec("edm")->build()->name() == "diffusion");
}

TEST_CASE("diffusion writes the ends of its noise levels, which its preconditioning gives",
          "[method][config]") {
  const std::string edm = round_trip("strategy:\n  method: diffusion\n  P_mean: -2\n");
  CHECK_THAT(edm, ContainsSubstring("sigma_min: 0.002") && ContainsSubstring("sigma_max: 80") &&
                      ContainsSubstring("sigma_mean: -2"));
  CHECK(round_trip(edm) == edm);
  const std::string ve = round_trip("strategy:\n  method: edm\n  preconditioning: ve\n  sigma_max: 50\n");
  CHECK_THAT(ve, ContainsSubstring("sigma_min: 0.02\n") && ContainsSubstring("sigma_max: 50"));
  const std::string vp = round_trip("strategy:\n  method: edm\n  preconditioning: vp\n");
  CHECK_THAT(vp, ContainsSubstring("sigma_min: null"));
  CHECK(round_trip(vp) == vp);
}

TEST_CASE("noise levels and rates in the wrong order are errors", "[method][config]") {
  CHECK_THAT(errors_of("strategy:\n  method: diffusion\n  sigma_min: 90\n"),
             ContainsSubstring("a.yaml:3") && ContainsSubstring("sigma_max = 80"));
  CHECK_THAT(errors_of("strategy:\n  method: diffusion\n  beta_min: 30\n"),
             ContainsSubstring("beta_max = 20"));
  CHECK_THAT(errors_of("strategy:\n  method: diffusion\n  preconditioning: edn\n"),
             ContainsSubstring("did you mean 'edm'"));
  CHECK_THAT(errors_of("strategy:\n  method: diffusion\n  sigma_std: 0\n"), ContainsSubstring("above 0"));
}

TEST_CASE("two tables share the section strategy and round-trip through YAML", "[method][config]") {
  const std::string yaml =
      "strategy:\n  method: flow_matching\n  model: flux1\n  time_distribution: logit_normal\n"
      "  time_mean: 2\n  time_std: 1.8\n";
  const std::string written = round_trip(yaml);
  CHECK(written.find("strategy:") == written.rfind("strategy:"));
  CHECK_THAT(written, ContainsSubstring("time_distribution: \"logit_normal\"") &&
                          ContainsSubstring("time_mean: 2") && ContainsSubstring("time_std: 1.8") &&
                          ContainsSubstring("time_alpha: 1"));
  CHECK(round_trip(written) == written);
}

TEST_CASE("errors in the section strategy name the place, the key and the remedy", "[method][config]") {
  CHECK_THAT(errors_of("strategy:\n  time_alhpa: 2\n"), ContainsSubstring("a.yaml:2") &&
                                                            ContainsSubstring("time_alhpa") &&
                                                            ContainsSubstring("'time_alpha'"));
  CHECK_THAT(errors_of("strategy:\n  modle: flux1\n"), ContainsSubstring("did you mean 'model'"));
  CHECK_THAT(errors_of("strategy:\n  time_alpha: -1\n"), ContainsSubstring("above -1"));
  CHECK_THAT(errors_of("strategy:\n  time_std: 0\n"), ContainsSubstring("above 0"));
  CHECK_THAT(errors_of("strategy:\n  time_distribution: powerlaw\n"), ContainsSubstring("power_law"));
}

TEST_CASE("learned levels warn of the keys that then have no effect, and only of these",
          "[method][registry][levels]") {
  const auto warnings = [](const std::string& keys) {
    const config::Value document = config::parse_yaml("strategy: {" + keys + "}\n", "a.yaml");
    config::Reader reader(document);
    method::StrategyOptions strategy;
    reader.read(method::strategy_table(), strategy);
    const auto spec = method::make_spec(strategy.method);
    spec->read(reader);
    method::resolve(strategy, *spec, *model::make_spec("flux1"), reader);
    return core::join(reader.finish());
  };
  CHECK_THAT(
      warnings("levels: learned, time_distribution: logit_normal, time_mean: 2, time_std: 1"),
      ContainsSubstring("a.yaml:1:") &&
          ContainsSubstring("strategy.levels learned leaves time_distribution, time_mean without effect"));
  CHECK_THAT(warnings("levels: learned, method: edm, sigma_mean: -2"), ContainsSubstring("sigma_mean"));
  CHECK_THAT(warnings("levels: learned, method: score_matching, sigma_std: 2"),
             ContainsSubstring("sigma_std"));
  CHECK(warnings("levels: learned").empty());
  CHECK(
      warnings("levels: learned, method: score_matching, times: uniform").empty());  // the solver takes them
  CHECK(warnings("levels: fixed, time_mean: 2").empty());
  CHECK_THAT(round_trip("strategy: {levels: learned}\n"), ContainsSubstring("levels: \"learned\""));
  CHECK_THAT(errors_of("strategy: {levels: learnt}\n"), ContainsSubstring("learned"));
}

TEST_CASE("a drop rate gives the model a null condition, and is a problem of models that have none",
          "[method][registry][guidance]") {
  const auto resolve = [](const std::string& name, double rate) {
    const config::Value document = config::parse_yaml(
        "strategy: {condition_drop_rate: " + std::to_string(rate) + ", model: " + name + "}\n", "a.yaml");
    config::Reader reader(document);
    method::StrategyOptions strategy;
    reader.read(method::strategy_table(), strategy);
    const auto model = model::make_spec(name);
    method::resolve(strategy, *method::make_spec("flow"), *model, reader);
    reader.finish();
    const auto remarks = model->remarks();
    return std::any_of(remarks.begin(), remarks.end(), [](const std::string& line) {
      return line.find("null condition") != std::string::npos;
    });
  };
  CHECK(resolve("flux1", 0.1));
  CHECK_FALSE(resolve("flux1", 0));
  for (const std::string joint : {"flux1joint", "simformer"}) {
    CHECK_FALSE(resolve(joint, 0));
    CHECK_THROWS_WITH(resolve(joint, 0.1), ContainsSubstring("a.yaml:1:") &&
                                               ContainsSubstring("strategy.condition_drop_rate") &&
                                               ContainsSubstring(joint + " has no null condition") &&
                                               ContainsSubstring("these models have: flux1 "));
  }
  CHECK_THROWS_WITH(resolve("flux1", 1), ContainsSubstring("strategy.condition_drop_rate"));
}
