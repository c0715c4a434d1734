// The test by a known likelihood.
#include <cmath>
#include <utility>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "core/philox.hpp"
#include "core/registry.hpp"
#include "diagnose/tests.hpp"

using namespace fluxsbi;
using namespace fluxsbi::diagnose;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinAbs;

namespace {

std::vector<Finding> judged_by_likelihood(const Evidence& evidence) {
  std::vector<Finding> findings = core::row_named(tests(), "likelihood", "unknown test ").run(evidence, {});
  judge(findings, TestOptions{}.level);
  return findings;
}

}  // namespace

TEST_CASE("weights by a known likelihood tell how far the draws are off", "[diagnose][likelihood]") {
  // Draws of q = N(0, 1), and the log of p / q for p = N(apart, 1): the best classifier is right with
  // probability Phi(apart / 2), KL(q || p) = apart^2 / 2.
  const auto evidence_of = [](double apart, double factor) {
    Evidence evidence;
    evidence.names = {"a"};
    Observation observation;
    observation.name = "x";
    observation.draws = 20000;
    core::Philox random(5, core::Purpose::test);
    for (int64_t i = 0; i < observation.draws; ++i)
      observation.log_weights.push_back(apart * random.normal() - apart * apart / 2 + factor);
    observation.log_weights[7] = std::nan("");  // could not be filled
    observation.pareto_shape = 0.3;
    evidence.observations.push_back(std::move(observation));
    return evidence;
  };
  for (const double apart : {0.0, 0.3, 1.0}) {
    CAPTURE(apart);
    const auto findings = judged_by_likelihood(evidence_of(apart, 0));
    REQUIRE(findings.size() == 2);
    CHECK_THAT(findings[0].value, WithinAbs(0.5 * std::erfc(-apart / 2 / std::sqrt(2.0)), 0.01));
    CHECK((findings[0].verdict == Verdict::fail) == (apart == 1));
    CHECK(findings[0].next.empty() == (apart < 1));
    // A factor that all weights share says nothing.
    CHECK_THAT(judged_by_likelihood(evidence_of(apart, 800))[0].value, WithinAbs(findings[0].value, 1e-9));
  }
  CHECK_THAT(judged_by_likelihood(evidence_of(1, 0))[0].meaning, ContainsSubstring("KL(q || p) is 0."));
  Evidence heavy = evidence_of(0.3, 0);
  heavy.observations[0].pareto_shape = 0.9;
  CHECK(judged_by_likelihood(heavy)[1].verdict == Verdict::fail);
  Evidence few = evidence_of(0.3, 0);
  few.observations[0].draws = 50;
  few.observations[0].log_weights.resize(50);
  CHECK(judged_by_likelihood(few)[0].verdict == Verdict::not_enough);
}
