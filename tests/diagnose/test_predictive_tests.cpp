// The tests of the tests that need no pairs of a posterior: predictive simulations, the prior and the course
// of a training.
#include <cmath>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "diagnose/judging.hpp"

using namespace fluxsbi;
using namespace fluxsbi::diagnose;
using Catch::Matchers::ContainsSubstring;
using test::alarms_allowed;
using test::EvidenceSize;
using test::false_alarms;
using test::judged;
using test::many;
using test::right;
using test::run;
using test::Toy;
using test::Wrong;

TEST_CASE("predictive simulations tell an observation that the posterior does not make",
          "[diagnose][posterior]") {
  Evidence evidence = test::make_evidence(right, {1, 1, 0, 2, 500}, 1);
  auto findings = judged("ppc", evidence);
  REQUIRE(findings.size() == 6);
  CHECK_FALSE(any_failed(findings));
  CHECK_THAT(findings[1].statistic, ContainsSubstring("toy row"));
  evidence.observations[0].x[1] += 12;
  findings = judged("ppc", evidence);
  CHECK(findings[1].verdict == Verdict::fail);
  CHECK_THAT(findings[1].meaning, ContainsSubstring("x_1"));
  CHECK(findings[2].verdict == Verdict::fail);
  CHECK(findings[4].verdict == Verdict::pass);
  // What is not observed is left out, and failures are counted.
  evidence.observations[0].x[1] = std::nan("");
  for (size_t i = 0; i < 40; i += 2) evidence.observations[0].predictive[i] = std::nan("");
  findings = judged("ppc", evidence);
  CHECK(findings[0].verdict == Verdict::fail);
  CHECK_THAT(findings[0].meaning, ContainsSubstring("20 simulations of 500"));
  CHECK(findings[1].verdict == Verdict::pass);
  CHECK(findings[1].graphs[0].x.size() == 1);
}

TEST_CASE("predictive checks of right posteriors fail no more often than the level says",
          "[diagnose][posterior]") {
  for (const Toy toy : {Toy::gaussian, Toy::two_modes})
    CHECK(false_alarms({"ppc"}, {"none", toy, Wrong::nothing, 0}, {1, 1, 0, 1, 300}, many).at("ppc") <=
          alarms_allowed(many));
}

TEST_CASE("pairs from another prior than the model's are told", "[diagnose][posterior]") {
  Evidence evidence = test::make_evidence(right, {300, 20, 0}, 1);
  CHECK(run("prior", evidence).empty());  // no prior is known
  const Evidence others = test::make_evidence(right, {2000, 1, 0}, 2);
  evidence.prior_known = true;
  evidence.prior = others.theta;
  const auto same = judged("prior", evidence);
  REQUIRE(same.size() == 2);
  CHECK_FALSE(any_failed(same));
  for (size_t i = 0; i < evidence.prior.size(); i += 2) evidence.prior[i] += 0.5;  // of a standard deviation
  const auto shifted = judged("prior", evidence);
  CHECK(shifted[0].verdict == Verdict::fail);
  CHECK(shifted[1].verdict == Verdict::pass);
  CHECK_THAT(shifted[0].next, ContainsSubstring("section prior"));
  evidence.pairs = 10;
  evidence.theta.resize(20);
  CHECK(judged("prior", evidence)[0].verdict == Verdict::not_enough);
}

TEST_CASE("the course of the validation loss says whether the training may have been too short",
          "[diagnose][posterior]") {
  const auto course = [](const std::vector<double>& losses) {
    Evidence evidence;
    evidence.losses = losses;
    for (size_t i = 0; i < losses.size(); ++i)
      evidence.loss_steps.push_back(100 * static_cast<double>(i + 1));
    return run("training", evidence);
  };
  CHECK(course({}).empty());
  const auto few = course({0.58, 0.56, 0.57, 0.56});
  REQUIRE(few.size() == 1);
  CHECK(few[0].value == 4);
  CHECK_THAT(few[0].meaning, ContainsSubstring("validated 4 times"));
  CHECK_THAT(few[0].next, ContainsSubstring("train longer first"));
  std::vector<double> falling;
  for (int k = 0; k < 30; ++k) falling.push_back(3 - 0.1 * k);
  CHECK_THAT(course(falling)[0].meaning, ContainsSubstring("still falling"));
  CHECK_THAT(course({1, .5, .3, .30, .31, .30, .31, .30, .31, .30, .31, .30})[0].meaning,
             ContainsSubstring("had settled"));
  CHECK_THAT(course({1, .5, .3, .31, .33, .36, .4, .44, .49, .55, .6, .7})[0].meaning,
             ContainsSubstring("rose after step 300 of 1200"));
}
