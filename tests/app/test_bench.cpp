// What `bench` prints can be read by a program and holds what the fast paths promise. No rate is judged
// here, but for the tile engine's lead.
#include <string>

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "app/program.hpp"

namespace fluxsbi::test {
namespace {

using Catch::Approx;

TEST_CASE("bench prints one JSON object of rates and errors", "[app][bench][serial]") {
  const Outcome outcome = run({"bench", "--model", "flux1", "--device", "cpu", "--seconds", "0.1", "--batch",
                               "32", "--steps", "100", "--json"},
                              Start::program);
  INFO(outcome.output);
  REQUIRE(outcome.code == 0);
  const auto figures = nlohmann::json::parse(outcome.output);
  const auto value = [&](const char* section, const char* name) {
    return figures.at(section).at(name).at("value").get<double>();
  };
  const char* training = "flux1: training, batch 32";
  // 5.3 on an idle core with AVX-512, 2 on an old one; rounds put what disturbs the machine on both sides.
  CHECK(value(training, "tile engine / plain") > 1.2);
  // What is computed from figures beside it agrees with them.
  CHECK(value(training, "tile engine / reference engine") ==
        Approx(value(training, "tile engine / plain") / value(training, "reference engine / plain")));
  const double tiles = value(training, "tile engine"), products = value(training, "matrix products alone");
  CHECK(value(training, "share of that reached") == Approx(100 * tiles / products));
  // Two observations cost what one with as many draws costs: 1.0 where it was measured.
  const double many = value("flux1: sampling, 50 network evaluations", "many / one");
  CHECK(many > 0.2);
  CHECK(many < 5);
  const char* errors = "flux1: error against the modules in float64, relative to the root mean square";
  // Float32 sums in another order: 1e-6 where it was measured; the largest of a million gradients 1.4e-5.
  CHECK(value(errors, "tile engine, output: average") < 1e-5);
  CHECK(value(errors, "tile engine, gradient: average") < 1e-5);
  CHECK(value(errors, "tile engine, gradient: largest") < 1e-3);
}

TEST_CASE("bench measures the model that is named, and that one alone", "[app][bench][serial]") {
  const Outcome outcome =
      run({"bench", "--model", "flux1joint", "--device", "cpu", "--seconds", "0.1", "--batch", "8", "--json"},
          Start::program);
  INFO(outcome.output);
  REQUIRE(outcome.code == 0);
  const auto figures = nlohmann::json::parse(outcome.output);
  const auto& training = figures.at("flux1joint: training, batch 8");
  CHECK(training.at("tile engine / plain").at("value").get<double>() > 1.2);
  const char* errors = "flux1joint: error against the modules in float64, relative to the root mean square";
  CHECK(figures.at(errors).at("tile engine, gradient: average").at("value").get<double>() < 1e-5);
  CHECK_FALSE(figures.contains("flux1: training, batch 8"));
  CHECK_FALSE(figures.contains("simformer: training, batch 8"));
}

TEST_CASE("bench shows samples a second of every method and solver", "[app][bench]") {
  const Outcome outcome =
      run({"bench", "--solvers", "--device", "cpu", "--seconds", "0.1", "--json"}, Start::program);
  INFO(outcome.output);
  REQUIRE(outcome.code == 0);
  const auto figures = nlohmann::json::parse(outcome.output);
  for (const auto& [method, solver] : {std::pair("flow", "zero_ends"), std::pair("diffusion", "edm_heun"),
                                       std::pair("score_matching", "predictor_corrector")}) {
    const auto& section = figures.at(std::string(method) + ", solvers with their default steps");
    // Samples a second times evaluations a sample is the network's rate, whichever solver asks it.
    const auto network_rate = [&](const std::string& name) {
      const auto& figure = section.at(name);
      return figure.at("value").get<double>() * std::stod(figure.at("note").get<std::string>());
    };
    CHECK(network_rate(solver) > 0.1 * network_rate("auto"));
    CHECK(network_rate(solver) < 10 * network_rate("auto"));
  }
  const auto evaluations = [&](const std::string& method, const std::string& solver) {
    return figures.at(method + ", solvers with their default steps").at(solver).at("note").get<std::string>();
  };
  CHECK(evaluations("flow", "zero_ends") == "1000 evaluations");
  CHECK(evaluations("diffusion", "edm_heun") == "99 evaluations");  // 50 steps, the last of one evaluation
  CHECK_FALSE(figures.at("flow, solvers with their default steps").contains("edm_heun"));
}

TEST_CASE("bench refuses a model that is not there", "[app][bench]") {
  const Outcome outcome = run({"bench", "--model", "flux2"});
  CHECK(outcome.code == 1);
  CHECK(outcome.output.find("simformer") != std::string::npos);
}

TEST_CASE("bench refuses a batch without rows", "[app][bench]") {
  const Outcome outcome = run({"bench", "--batch", "0"});
  CHECK(outcome.code == 1);
  CHECK(outcome.output.find("--batch") != std::string::npos);
}

}  // namespace
}  // namespace fluxsbi::test
