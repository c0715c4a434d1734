// The tests of the tests: right posteriors pass, wrong ones fail.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "core/error.hpp"
#include "diagnose/judging.hpp"
#include "diagnose/pair_rows.hpp"
#include "support/user_error.hpp"

using namespace fluxsbi;
using namespace fluxsbi::diagnose;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinAbs;
using test::alarm_level;
using test::alarms_allowed;
using test::EvidenceSize;
using test::fails;
using test::false_alarms;
using test::fewer;
using test::judged;
using test::many;
using test::right;
using test::run;
using test::Toy;
using test::unless_sanitized;
using test::Wrong;

TEST_CASE("right posteriors fail a calibration test no more often than the level says",
          "[diagnose][posterior]") {
  const auto expect_few = [](const std::vector<std::string>& names, const Toy toy, const EvidenceSize& size,
                             uint64_t seeds) {
    CAPTURE(static_cast<int>(toy));
    for (const auto& [name, alarms] : false_alarms(names, {"none", toy, Wrong::nothing, 0}, size, seeds)) {
      CAPTURE(name);
      CHECK(alarms <= alarms_allowed(seeds));
    }
  };
  expect_few({"sbc", "coverage", "hpd", "tarp", "data_averaged", "regions"}, Toy::gaussian, {100, 40, 40},
             many);
  expect_few({"sbc", "hpd"}, Toy::two_modes, {100, 40, 40}, fewer);
  expect_few({"sbc", "hpd"}, Toy::box, {100, 40, 40}, fewer);
}

TEST_CASE("wrong posteriors fail the calibration tests", "[diagnose][posterior]") {
  // Under a sanitizer coarser faults, which fewer pairs show.
  const EvidenceSize size = unless_sanitized<EvidenceSize>({1000, 100, 100}, {200, 40, 40});
  const double shift = unless_sanitized(0.2, 0.6), narrow = unless_sanitized(0.8, 0.5),
               wide = unless_sanitized(1.25, 2.0);
  CHECK(fails("sbc", {"", Toy::gaussian, Wrong::shift, shift}, size));
  CHECK(fails("sbc", {"", Toy::gaussian, Wrong::width, narrow}, size));
  CHECK(fails("sbc", {"", Toy::gaussian, Wrong::width, wide}, size));
  CHECK(fails("sbc", {"", Toy::two_modes, Wrong::lost_mode, 0}, size));
  CHECK(fails("coverage", {"", Toy::gaussian, Wrong::width, narrow}, size));
  CHECK(fails("coverage", {"", Toy::gaussian, Wrong::width, wide}, size));
  CHECK(fails("hpd", {"", Toy::gaussian, Wrong::width, narrow}, size));
  if (!test::sanitized) CHECK(fails("hpd", {"", Toy::gaussian, Wrong::correlation, 0}, {4000, 50, 50}));
  CHECK(fails("hpd", {"", Toy::two_modes, Wrong::lost_mode, 0}, size));
}

TEST_CASE("ranks a variable see neither a lost correlation nor the prior in the posterior's place",
          "[diagnose][posterior]") {
  const EvidenceSize size{1000, 100, 100};
  CHECK_FALSE(fails("sbc", {"", Toy::gaussian, Wrong::correlation, 0}, size));
  CHECK_FALSE(fails("sbc", {"", Toy::gaussian, Wrong::prior, 0}, size));
  CHECK_FALSE(fails("coverage", {"", Toy::gaussian, Wrong::prior, 0}, size));
  CHECK_FALSE(fails("hpd", {"", Toy::gaussian, Wrong::prior, 0}, size));
}

TEST_CASE("sbc names the kind of fault, its size and what to do", "[diagnose][posterior]") {
  const EvidenceSize size{1000, 100, 0};
  const auto high = judged("sbc", test::make_evidence({"", Toy::gaussian, Wrong::shift, 0.5}, size, 1));
  REQUIRE(high.size() == 2);
  CHECK(high[0].variable == "a");
  CHECK_THAT(high[0].meaning, ContainsSubstring("lies too high, by about 0.4") ||
                                  ContainsSubstring("lies too high, by about 0.5"));
  CHECK_THAT(high[0].next, ContainsSubstring("training.nsteps"));
  REQUIRE(high[0].graphs.size() == 2);
  CHECK(high[0].graphs[1].x.size() == 21);
  CHECK(high[0].graphs[0].low.size() == high[0].graphs[0].x.size());
  const auto narrow = judged("sbc", test::make_evidence({"", Toy::gaussian, Wrong::width, 0.8}, size, 1));
  CHECK_THAT(narrow[0].meaning, ContainsSubstring("at both ends: the posterior is too narrow"));
  const auto passes = judged("sbc", test::make_evidence(right, size, 1));
  CHECK_THAT(passes[0].meaning, ContainsSubstring("as if it were one of them"));
  CHECK(passes[0].next.empty());
}

TEST_CASE("findings do not depend on the number of threads", "[diagnose][posterior]") {
  Evidence evidence = test::make_evidence(right, {300, 50, 50, 2, 100}, 1);
  for (Observation& observation : evidence.observations)  // the right posterior's weights
    observation.log_weights.assign(static_cast<size_t>(observation.draws), 0);
  for (const TestRow& row : tests()) {
    if (row.needs.fine) continue;
    TestOptions one, three;
    one.permutations = three.permutations = 20;
    one.threads = 1;
    three.threads = 3;
    const auto a = row.run(evidence, one), b = row.run(evidence, three);
    REQUIRE(a.size() == b.size());
    for (size_t i = 0; i < a.size(); ++i) {
      CAPTURE(row.name, i);
      CHECK((a[i].value == b[i].value || (std::isnan(a[i].value) && std::isnan(b[i].value))));
      CHECK(a[i].p_value == b[i].p_value);
      CHECK(a[i].meaning == b[i].meaning);
    }
  }
}

TEST_CASE("few unfilled draws are passed over, many refuse the test", "[diagnose][posterior]") {
  Evidence evidence = test::make_evidence(right, {200, 100, 100}, 1);
  const auto spoil = [&](size_t every) {
    for (size_t draw = 0; draw < evidence.samples.size() / 2; draw += every) {
      evidence.samples[2 * draw] = std::nan("");
      evidence.log_samples[draw] = std::nan("");
    }
  };
  spoil(150);
  for (const std::string name : {"sbc", "coverage", "hpd"}) {
    CAPTURE(name);
    CHECK_FALSE(any_failed(judged(name, evidence)));
  }
  spoil(40);
  for (const std::string name : {"sbc", "coverage", "hpd"})
    CHECK_THAT(test::error_of([&] { run(name, evidence); }),
               ContainsSubstring("are NaN, more than 1 %") && ContainsSubstring("sampling.max_tries"));
}

TEST_CASE("pairs that lack what is inferred have no density, and hpd says which column",
          "[diagnose][posterior]") {
  Evidence evidence = test::make_evidence(right, {100, 50, 50}, 1);
  for (const size_t pair : {3U, 7U, 20U}) {
    evidence.theta[2 * pair + 1] = std::nan("");
    evidence.log_theta[pair] = std::nan("");
  }
  CHECK_THAT(
      test::error_of([&] { run("hpd", evidence); }),
      ContainsSubstring("3 of 100 pairs lack values of what is inferred (" + evidence.names[1] + ")") &&
          ContainsSubstring("--given-names"));
}

TEST_CASE("too few pairs are a finding that says how many are needed", "[diagnose][posterior]") {
  const Evidence evidence = test::make_evidence(right, {20, 50, 50}, 1);
  for (const std::string name : {"sbc", "coverage", "hpd"}) {
    const auto findings = judged(name, evidence);
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].verdict == Verdict::not_enough);
    CHECK_THAT(findings[0].next, ContainsSubstring("at least 50 pairs"));
  }
}

TEST_CASE("whole-number parameters are ranked with ties split at random", "[diagnose][posterior]") {
  Evidence evidence = test::make_evidence(right, {1000, 50, 0}, 1);
  for (double& value : evidence.theta) value = std::round(value);
  for (double& value : evidence.samples) value = std::round(value);
  for (const std::string name : {"sbc", "coverage"}) CHECK_FALSE(any_failed(judged(name, evidence)));
}

TEST_CASE("sharpness tells the prior from a posterior", "[diagnose][posterior]") {
  const auto informed = run("sharpness", test::make_evidence(right, {500, 100, 10}, 1));
  REQUIRE(informed.size() == 3);
  CHECK_THAT(informed[0].value, WithinAbs(std::sqrt(0.2947), 0.03));  // (1/(1 + 1/0.85) + 1/(1 + 1/0.15)) / 2
  const auto nothing =
      run("sharpness", test::make_evidence({"", Toy::gaussian, Wrong::prior, 0}, {500, 100, 10}, 1));
  CHECK_THAT(nothing[0].value, WithinAbs(1, 0.05));
  CHECK_THAT(nothing[0].meaning, ContainsSubstring("as wide as the prior"));
  CHECK(nothing[0].verdict == Verdict::measured);
  // The expected log-density is that of the entropy, and lower for the prior by the information in x.
  CHECK(informed[2].value - nothing[2].value > 5 * *informed[2].standard_error);
}

TEST_CASE("a solver with too few steps is told how many would do", "[diagnose][posterior]") {
  Evidence evidence = test::make_evidence(right, {50, 20, 0, 1, 400}, 1);
  Observation& observation = evidence.observations[0];
  observation.draws_coarse = observation.draws_fine = observation.theta;
  observation.evaluations = 10;
  CHECK_FALSE(any_failed(judged("solver", evidence)));
  for (double& value : observation.draws_fine) value += 0.1;  // 0.18 sd
  const auto findings = judged("solver", evidence);
  REQUIRE(findings.size() == 2);
  CHECK(findings[0].verdict == Verdict::fail);
  CHECK_THAT(findings[0].value, WithinAbs(0.1 / std::sqrt(0.2947), 0.02));
  CHECK_THAT(findings[0].next,
             ContainsSubstring("sampling.steps") && ContainsSubstring("4-fold, to about 40 evaluations"));
  for (size_t i = 0; i < 20; ++i) observation.theta[i] = std::nan("");
  const auto lost = judged("solver", evidence);
  CHECK(lost[1].verdict == Verdict::fail);
  CHECK_THAT(lost[1].meaning, ContainsSubstring("10 draws of 400"));
}

TEST_CASE("an observation far from the training data is not inside", "[diagnose][posterior]") {
  Evidence evidence = test::make_evidence(right, {300, 20, 0, 2, 50}, 1);
  data::Reference& reference = evidence.reference;
  const double sd = std::sqrt(1.5);
  reference.mean = reference.median = {0, 0};
  reference.deviation = reference.spread = {sd, sd};
  reference.low = {-4, -4};
  reference.high = {4, 4};
  const Evidence training = test::make_evidence(right, {200, 1, 0}, 2);
  for (const double value : training.x) reference.rows.push_back(static_cast<float>(std::asinh(value / sd)));
  evidence.observations[0].x = {0.3, -0.2};
  evidence.observations[1].x = {3, -3};  // neither is rare alone, together they are: correlation 0.69 of x
  auto findings = judged("inside", evidence);
  REQUIRE(findings.size() == 4);
  CHECK(findings[0].verdict == Verdict::pass);
  CHECK(findings[1].verdict == Verdict::pass);
  CHECK(findings[3].verdict == Verdict::fail);
  CHECK_THAT(findings[3].next, ContainsSubstring("Check the observation"));
  evidence.observations[1].x = {50, 0};
  findings = judged("inside", evidence);
  CHECK(findings[2].verdict == Verdict::fail);
  CHECK_THAT(findings[2].meaning, ContainsSubstring("x_0 = 50"));
  evidence.pairs = 0;
  evidence.x.clear();
  findings = judged("inside", evidence);
  REQUIRE(findings.size() == 2);
  CHECK(findings[0].verdict == Verdict::pass);
  CHECK(findings[1].verdict == Verdict::fail);
  evidence.reference = {};
  CHECK(judged("inside", evidence)[0].verdict == Verdict::not_enough);
}

TEST_CASE("a fault in a corner of the prior is found, and where it is", "[diagnose][posterior]") {
  const test::Fault corner{"", Toy::box, Wrong::ignored_prior, 0};
  const Evidence evidence = test::make_evidence(corner, {2000, 100, 0}, 1);
  CHECK_FALSE(any_failed(judged("sbc", evidence)));
  const auto found = judged("regions", evidence);
  REQUIRE(found.size() == 1);
  CHECK(found[0].verdict == Verdict::fail);
  CHECK_THAT(found[0].meaning, ContainsSubstring("posterior means lie near a = 1.") &&
                                   ContainsSubstring("a too high by") && ContainsSubstring("b too high by"));
  CHECK_THAT(found[0].next, ContainsSubstring("More simulations from that part of the prior"));
  REQUIRE(found[0].graphs.size() == 1);
  CHECK(found[0].graphs[0].x.size() == 200);
  CHECK(found[0].graphs[0].low.size() == 200);
}

TEST_CASE("regions around an observation judge the posterior there", "[diagnose][posterior]") {
  const test::Fault corner{"", Toy::box, Wrong::ignored_prior, 0};
  const EvidenceSize size{1000, 100, 0, 1, 300};
  const auto there = judged("regions", test::make_evidence_at(corner, size, 1, {0.9, 0.9}));
  REQUIRE(there.size() == 2);
  CHECK(there[1].verdict == Verdict::fail);
  CHECK_THAT(there[1].meaning, ContainsSubstring("nearest to that at toy row"));
  const auto elsewhere = judged("regions", test::make_evidence_at(corner, size, 1, {-0.5, -0.5}));
  CHECK(elsewhere[1].verdict == Verdict::pass);
  CHECK_THAT(elsewhere[1].meaning, ContainsSubstring("would have been seen"));
  int64_t alarms = 0;
  for (uint64_t seed = 1; seed <= many; ++seed) {
    TestOptions options;
    options.seed = seed;
    alarms += *run("regions", test::make_evidence_at(right, {100, 40, 0, 1, 50}, seed, {1.5, -1}), options)[1]
                   .p_value <= alarm_level;
  }
  CHECK(alarms <= alarms_allowed(many));
  CHECK(judged("regions", test::make_evidence(right, {99, 40, 0}, 1))[0].verdict == Verdict::not_enough);
}

TEST_CASE("a width that is wrong in one region alone is told as such", "[diagnose][posterior]") {
  Evidence evidence = test::make_evidence(right, {1000, 100, 0}, 1);
  for (size_t n = 0; n < 1000; ++n) {  // where x_0 is large, draws lie twice as far from their mean
    if (evidence.x[2 * n] < 1.2) continue;
    for (size_t j = 0; j < 2; ++j) {
      double mean = 0;
      for (size_t l = 0; l < 100; ++l) mean += evidence.samples[(100 * n + l) * 2 + j] / 100;
      for (size_t l = 0; l < 100; ++l) {
        double& value = evidence.samples[(100 * n + l) * 2 + j];
        value = mean + 2 * (value - mean);
      }
    }
  }
  const auto found = judged("regions", evidence);
  CHECK(found[0].verdict == Verdict::fail);
  CHECK_THAT(found[0].statistic, ContainsSubstring("of a width"));
  CHECK_THAT(found[0].meaning, ContainsSubstring("times as wide as it should be"));
}

TEST_CASE("tarp sees widths and lost modes", "[diagnose][posterior]") {
  const EvidenceSize size{1000, 100, 0};
  const auto narrow = judged("tarp", test::make_evidence({"", Toy::gaussian, Wrong::width, 0.8}, size, 1));
  CHECK(narrow[0].verdict == Verdict::fail);
  CHECK_THAT(narrow[0].meaning, ContainsSubstring("too narrow"));
  CHECK(narrow[1].value < -3 * *narrow[1].standard_error);
  const auto wide = judged("tarp", test::make_evidence({"", Toy::gaussian, Wrong::width, 1.25}, size, 1));
  CHECK(wide[0].verdict == Verdict::fail);
  CHECK(wide[1].value > 3 * *wide[1].standard_error);
  CHECK(fails("tarp", {"", Toy::two_modes, Wrong::lost_mode, 0}, size));
  CHECK_FALSE(fails("tarp", {"", Toy::gaussian, Wrong::prior, 0}, size));
  CHECK(wide[0].graphs[0].curves.size() == 3);
}

TEST_CASE("tarp's references come from the prior where that is asked for", "[diagnose][posterior]") {
  TestOptions options;
  options.tarp_reference_from_prior = true;
  int64_t alarms = 0;
  for (uint64_t seed = 1; seed <= fewer; ++seed) {
    const auto findings = run("tarp", test::make_evidence(right, {100, 40, 0}, seed), options);
    alarms += *findings[0].p_value <= alarm_level;
  }
  CHECK(alarms <= alarms_allowed(fewer));
  Evidence evidence = test::make_evidence(right, {100, 20, 0}, 1);
  evidence.prior.clear();
  CHECK_THAT(test::error_of([&] { run("tarp", evidence, options); }), ContainsSubstring("draws of it"));
}

TEST_CASE("data_averaged sees a model of another prior", "[diagnose][posterior]") {
  const EvidenceSize size{1000, 100, 0};
  CHECK(fails("data_averaged", {"", Toy::gaussian, Wrong::shift, 0.5}, size));
  CHECK(fails("data_averaged", {"", Toy::two_modes, Wrong::lost_mode, 0}, size));
  CHECK_FALSE(fails("data_averaged", {"", Toy::gaussian, Wrong::prior, 0}, size));
  // Posteriors of a prior that is half as wide, N(0, 1/4): narrower, and nearer to zero.
  Evidence evidence = test::make_evidence(right, size, 1);
  for (double& value : evidence.samples) value *= 0.8;
  const auto findings = judged("data_averaged", evidence);
  REQUIRE(findings.size() == 3);
  CHECK(findings[0].verdict == Verdict::fail);
  CHECK_THAT(findings[0].next, ContainsSubstring("prior"));
}

TEST_CASE("a classifier sees what ranks do not, and says what it would have seen", "[diagnose][posterior]") {
  const EvidenceSize size = unless_sanitized<EvidenceSize>({600, 80, 0}, {300, 60, 0});
  CHECK(fails("lc2st", {"", Toy::gaussian, Wrong::prior, 0}, size));
  CHECK(fails("lc2st", {"", Toy::gaussian, Wrong::correlation, 0}, size));
  CHECK(fails("lc2st", {"", Toy::gaussian, Wrong::shift, unless_sanitized(0.5, 1.0)}, size));
  CHECK(fails("lc2st", {"", Toy::two_modes, Wrong::lost_mode, 0}, size));
  const auto passes = judged("lc2st", test::make_evidence(right, size, 1));
  REQUIRE(passes.size() == 1);
  CHECK(passes[0].verdict == Verdict::pass);
  CHECK_THAT(passes[0].meaning, ContainsSubstring("it would have seen a shift of 0."));
  CHECK(judged("lc2st", test::make_evidence(right, {60, 50, 0}, 1))[0].verdict == Verdict::not_enough);
}

TEST_CASE("the local classifier test judges each observation", "[diagnose][posterior]") {
  TestOptions options;
  options.permutations = 25;
  const EvidenceSize size{300, 80, 0, 2, 200};
  const auto passes = judged("lc2st", test::make_evidence(right, size, 1), options);
  REQUIRE(passes.size() == 3);
  CHECK_FALSE(any_failed(passes));
  const auto shifted =
      judged("lc2st", test::make_evidence({"", Toy::gaussian, Wrong::shift, 2}, size, 1), options);
  CHECK(shifted[1].verdict == Verdict::fail);
  CHECK(shifted[2].verdict == Verdict::fail);
  CHECK(shifted[1].graphs[0].x.size() == 26);
}

TEST_CASE("the classifier's false alarms are as many as the level says", "[diagnose][posterior]") {
  int64_t alarms = 0;
  for (uint64_t seed = 1; seed <= many; ++seed) {
    PairRowOptions options;
    options.seed = seed;
    const Evidence evidence = test::make_evidence(right, {100, 40, 0}, 1000 + seed);
    alarms += learned_rank(make_pair_rows(evidence, options, "lc2st"), seed).p_value <= alarm_level;
  }
  CHECK(alarms <= alarms_allowed(many));
  CHECK(alarms >= test::unless_sanitized(8, 0));
}
