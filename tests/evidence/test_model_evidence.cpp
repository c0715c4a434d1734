// log p(x) of models whose densities are known.
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "core/error.hpp"
#include "evidence/model_evidence.hpp"
#include "evidence/tiny_model.hpp"
#include "support/catch.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinAbs;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

double log_normal(double value, double mean, double sd) {
  const double z = (value - mean) / sd;
  return -z * z / 2 - std::log(sd) - std::log(2 * std::numbers::pi) / 2;
}

// The joint model in which all variables are independent, with a section `prior`; x_i ~ N(0, sd_i^2).
checkpoint::ModelFile file_with(const std::string& prior, std::vector<double> x_sd = {2, 2, 2}) {
  checkpoint::ModelFile file = test::still_joint_model();
  file.config += prior;
  file.x.scale = std::move(x_sd);
  return file;
}

evidence::JointModel model_of(const checkpoint::ModelFile& file) {
  return {test::posterior_of(file), evidence::evidence_parts(file, "model")};
}

const std::vector<double> observed{0.5, -1, 3};

}  // namespace

TEST_CASE("log p(x) of draws is the log of their mean weight, with that mean's error", "[evidence]") {
  const auto found = evidence::log_evidence(std::vector<double>{std::log(1.0), std::log(3.0)});
  CHECK_THAT(found.value, WithinAbs(std::log(2.0), 1e-12));
  CHECK_THAT(found.standard_error, WithinAbs(0.5, 1e-12));  // sqrt(2) / sqrt(2) / 2
  CHECK_THAT(found.spread, WithinAbs(std::log(3.0) / std::sqrt(2.0), 1e-12));
  CHECK(found.draws == 2);
  const auto none = evidence::log_evidence(
      std::vector<double>{std::log(4.0), -infinity, std::numeric_limits<double>::quiet_NaN(), infinity});
  CHECK_THAT(none.value, WithinAbs(std::log(2.0), 1e-12));
  CHECK_THAT(none.standard_error, WithinAbs(1, 1e-12));
  CHECK(none.draws == 2);
  CHECK(std::isnan(evidence::log_evidence(std::vector<double>{-infinity, -infinity}).value));
  CHECK(std::isnan(evidence::log_evidence(std::vector<double>{0.0}).value));
}

TEST_CASE("log p(x) is exact under a posterior that is not the model's prior times likelihood",
          "[evidence]") {
  // The network's posterior of a, N(5, 1), is half a deviation off that of the prior. The mean of log w would
  // be too low by 0.5^2 / 2 = 0.125.
  auto shifted = model_of(file_with("prior: {kind: normal, mean: [5.5, -3], scale: [1, 0.5]}\n"));
  REQUIRE(shifted.parts.by_prior);
  double exact = 0;
  for (const double x : observed) exact += log_normal(x, 0, 2);
  const auto found = evidence::find_evidence(shifted, observed, 1, 1500, 3, {});
  CHECK_THAT(found[0].value, WithinAbs(exact, 0.05));  // standard error 0.014
  CHECK_THAT(found[0].spread, WithinAbs(0.5, 0.03));
  CHECK_THAT(found[0].standard_error, WithinAbs(std::sqrt(std::exp(0.25) - 1) / std::sqrt(1500.0), 3e-3));

  auto right = model_of(file_with("prior: {kind: normal, mean: [5, -3], scale: [1, 0.5]}\n"));
  CHECK_THAT(evidence::find_evidence(right, observed, 1, 5, 3, {})[0].value, WithinAbs(exact, 1e-3));
  auto unknown = model_of(file_with(""));
  REQUIRE_FALSE(unknown.parts.by_prior);
  CHECK_THAT(evidence::find_evidence(unknown, observed, 1, 5, 3, {})[0].value, WithinAbs(exact, 1e-3));
}

TEST_CASE("draws outside the prior's support count as nothing in log p(x)", "[evidence]") {
  // Of a ~ N(5, 1) half lie below 5; the joint density has no mass there, either.
  auto half = model_of(file_with("prior: {kind: custom, low: [5, -100], high: [100, 100]}\n"));
  double exact = std::log(0.5);
  for (const double x : observed) exact += log_normal(x, 0, 2);
  CHECK_THAT(evidence::find_evidence(half, observed, 1, 1500, 3, {})[0].value, WithinAbs(exact, 0.1));
  auto none = model_of(file_with("prior: {kind: custom, low: [50, -100], high: [100, 100]}\n"));
  CHECK(std::isnan(evidence::find_evidence(none, observed, 1, 5, 3, {})[0].value));
}

TEST_CASE("log p(x) is a mean over the forms of x that the training's symmetries name", "[evidence]") {
  checkpoint::ModelFile file =
      file_with("prior: {kind: normal, mean: [5, -3], scale: [1, 0.5]}\n", {1, 2, 4});
  const auto density = [](double a, double b, double c) {
    return std::exp(log_normal(a, 0, 1) + log_normal(b, 0, 2) + log_normal(c, 0, 4));
  };
  auto alone = model_of(file);
  CHECK(alone.parts.forms.size() == 1);
  CHECK_THAT(evidence::find_evidence(alone, observed, 1, 4, 3, {})[0].value,
             WithinAbs(std::log(density(0.5, -1, 3)), 1e-3));

  file.remarks["symmetries"] = "exchange x_0, x_1; negate a";
  auto many = model_of(file);
  REQUIRE(many.parts.forms.size() == 2);  // the sign of a changes nothing of x
  CHECK_THAT(evidence::find_evidence(many, observed, 1, 4, 3, {})[0].value,
             WithinAbs(std::log((density(0.5, -1, 3) + density(-1, 0.5, 3)) / 2), 1e-3));
}

TEST_CASE("log p(x) is refused by a model that never saw its questions", "[evidence]") {
  const auto parts = [](const std::string& mask, const std::string& prior) {
    return evidence::evidence_parts(file_with("condition_mask: {kind: " + mask + "}\n" + prior), "model");
  };
  const std::string prior = "prior: {kind: normal, mean: [5, -3], scale: [1, 0.5]}\n";
  for (const std::string mask : {"posterior", "likelihood", "joint"})
    CHECK_THROWS_WITH(parts(mask, prior), ContainsSubstring("was not trained for the questions"));
  CHECK_FALSE(parts("structured, likelihood: 0, random_low: 0, random_high: 0", prior).by_prior);
  CHECK(parts("structured, joint: 0, random_low: 0, random_high: 0", prior).by_prior);
  CHECK_THROWS_WITH(parts("structured, joint: 0, random_low: 0, random_high: 0", ""),
                    ContainsSubstring("was not trained for the questions"));
}
