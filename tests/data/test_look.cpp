// What the look before training finds, and what it passes over.
#include <algorithm>
#include <cmath>
#include <limits>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "core/philox.hpp"
#include "data/errors.hpp"
#include "data/look/report.hpp"
#include "data/look/two_samples.hpp"
#include "data/sims.hpp"
#include "data/survey.hpp"
#include "data/tasks/task.hpp"
#include "support/sanitized.hpp"

using namespace fluxsbi;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using data::NanPolicy;
using data::Severity;
using test::box_prior;
using test::find;
using test::nan_value;
using test::says_text;
using test::Sims;
using test::with_nan;

TEST_CASE("ordinary data give facts and no findings", "[data][look]") {
  const Sims sims(4000);
  const auto look = sims.look();
  CHECK(look.findings.empty());
  CHECK(look.rows == 4000);
  CHECK(look.looked_at == 4000);
  REQUIRE(look.theta.size() == 2);
  CHECK(look.theta[0].distinct == 4000);
  CHECK_THAT(look.theta[0].deviation, WithinAbs(2 / std::sqrt(12.0), 0.02));
  CHECK_THAT(look.theta[0].spread, WithinAbs(1 / 1.349, 0.06));  // the quartiles of (-1, 1) are -1/2 and 1/2
  CHECK(look.theta[0].extremes == 0);
  CHECK(says_text(data::summary_line(look), "nothing to warn of"));
}

TEST_CASE("no built-in task is warned of", "[data][look]") {
  for (const data::TaskRow& row : data::tasks()) {
    INFO(row.name);
    data::DataOptions options;
    options.task = row.name;
    options.simulations = test::unless_sanitized(3000, 600);
    data::resolve(options, "per_feature");
    if (std::string(row.name) == "normal_set") options.nan = NanPolicy::pad;
    const auto dataset = data::open_dataset(options, 5);
    const auto prior = data::make_prior(dataset.prior, dataset.shape.theta_size());
    const auto survey = data::survey(dataset, options, 5);
    const auto look = data::look(dataset, options,
                                 {.prior = prior.get(), .theta = &survey.theta, .x = &survey.x, .seed = 5});
    for (const auto& finding : look.findings) {
      INFO(finding.line());
      CHECK(finding.severity == Severity::note);
    }
  }
}

TEST_CASE("fill values are named with their share, whatever they are", "[data][look]") {
  Sims sims(4000);
  SECTION("one per cent of 1e20") {
    for (int64_t row = 0; row < 4000; row += 100) sims.x_at(row, 1) = 1e20;
    const auto look = sims.look();
    const auto* found = find(look, "fill-values");
    REQUIRE(found);
    CHECK(found->severity == Severity::warning);
    CHECK(found->variables == std::vector<std::string>{"x_1"});
    CHECK_THAT(found->number, WithinAbs(0.01, 1e-12));
    CHECK(says_text(found->text, "x_1 (1 % are 1e+20)"));
    CHECK(says_text(found->remedy, "data.standardise_x: robust"));
    CHECK(found->key == "data.nan");
    CHECK(look.count(Severity::warning) == 1);  // the extremes are the same finding
  }
  SECTION("two of -999 and 1e30 in one column, and one in theta") {
    for (int64_t row = 0; row < 4000; row += 40) sims.x_at(row, 0) = row % 80 ? -999 : 1e30;
    for (int64_t row = 0; row < 4000; row += 500) sims.theta_at(row, 0) = -9999;
    const auto look = sims.look();
    REQUIRE(look.x[0].fills.size() == 2);
    REQUIRE(look.theta[0].fills.size() == 1);
    CHECK(look.theta[0].fills[0].count == 8);
    CHECK(look.count(Severity::warning) == 2);
  }
}

TEST_CASE("a code that stands among wide values is found by its repetition", "[data][look]") {
  Sims sims(4000);
  for (int64_t row = 0; row < 4000; ++row) sims.x_at(row, 0) *= 200;
  for (int64_t row = 0; row < 4000; row += 50) sims.x_at(row, 0) = -99;
  const auto look = sims.look();
  REQUIRE(look.x[0].fills.size() == 1);
  CHECK(look.x[0].fills[0].value == -99);
  CHECK(look.x[0].fills[0].count == 80);
}

TEST_CASE("a repeated end with a gap before it is a fill value, without one a limit", "[data][look]") {
  core::Philox random(13, core::Purpose::test);
  std::vector<double> positive, cut;
  for (int i = 0; i < 2000; ++i) {
    const double value = 10 + 10 * random.uniform();
    positive.push_back(i % 50 == 0 ? 0 : value);
    cut.push_back(std::max(value, 12.0));
  }
  const auto gapped = data::column_facts("x_0", positive), limited = data::column_facts("x_1", cut);
  REQUIRE(gapped.fills.size() == 1);
  CHECK(gapped.fills[0].value == 0);
  CHECK(gapped.fills[0].count == 40);
  CHECK(limited.fills.empty());
  REQUIRE(limited.limits.size() == 1);
  CHECK(limited.limits[0].value == 12);
}

TEST_CASE("many columns with fill values are one finding of ten names", "[data][look]") {
  Sims sims(500);
  std::vector<double> wide;
  core::Philox random(3, core::Purpose::test);
  for (int64_t i = 0; i < 500 * 60; ++i) wide.push_back(i / 60 % 50 == 7 ? -999.0 : random.normal());
  sims.x = wide;
  const auto look = sims.look();
  REQUIRE(look.count(Severity::warning) == 1);
  CHECK(find(look, "fill-values")->variables.size() == 60);
  CHECK(says_text(look.findings.front().text, "and 50 more"));
}

TEST_CASE("extremes warn where they set the scale and not where robust does", "[data][look]") {
  Sims sims(2000);
  core::Philox random(5, core::Purpose::test);
  for (int64_t row = 0; row < 2000; ++row) sims.x_at(row, 0) = std::exp(4 * random.normal());
  data::DataOptions options;
  options.constant = data::ConstantColumns::error;
  options.transform_x = {data::TransformWord::none};
  for (const bool robust : {false, true}) {
    options.standardise_x = robust ? data::Standardise::robust : data::Standardise::per_feature;
    const auto survey = data::survey(sims.dataset(), options, 1);
    const auto look = sims.look(options, {.theta = &survey.theta, .x = &survey.x});
    CHECK((find(look, "extremes") != nullptr) == !robust);
    CHECK((find(look, "heavy-tails") != nullptr) == robust);
  }
}

TEST_CASE("theta outside the prior is counted, but for what float32 makes of an end", "[data][look]") {
  Sims sims(1000);
  SECTION("all of it") {
    const auto prior = box_prior(2, 3);
    const auto look = sims.look({}, {.prior = prior.get()});
    const auto* found = find(look, "outside-prior");
    REQUIRE(found);
    CHECK(found->severity == Severity::error);
    CHECK(found->number == 1);
    CHECK(says_text(found->text, "100 % of theta lie outside the prior's support"));
    CHECK(says_text(found->text, "are outside [2, 3]"));
    CHECK(look.theta[1].outside == 1);
  }
  SECTION("a part of one component") {
    const auto prior = box_prior(-1, 1);
    for (int64_t row = 0; row < 1000; row += 10) sims.theta_at(row, 1) = 1.5;
    const auto look = sims.look({}, {.prior = prior.get()});
    const auto* found = find(look, "outside-prior");
    REQUIRE(found);
    CHECK(found->severity == Severity::warning);
    CHECK(found->variables == std::vector<std::string>{"theta_1"});
    CHECK_THAT(found->number, WithinAbs(0.1, 1e-12));
  }
  SECTION("ends as float32 holds them") {
    const auto prior = box_prior(-1, 0.1);
    for (int64_t row = 0; row < 1000; ++row) {
      for (const int64_t i : {0, 1})
        sims.theta_at(row, i) = row % 2 ? static_cast<double>(0.1f) : -0.5 + 1e-4 * static_cast<double>(row);
    }
    CHECK(find(sims.look({}, {.prior = prior.get()}), "outside-prior") == nullptr);
  }
}

TEST_CASE("failed rows are told with their share, and whether theta decides", "[data][look]") {
  Sims sims(4000);
  SECTION("in one part of the prior") {
    int64_t failed = 0;
    for (int64_t row = 0; row < 4000; ++row) {
      if (sims.theta_at(row, 0) > 0.5) {
        sims.x_at(row, 0) = nan_value;
        ++failed;
      }
    }
    const auto look = sims.look(with_nan(NanPolicy::drop), {.joint = true});
    CHECK(look.failed == failed);
    CHECK(look.x[0].missing == failed);
    const auto* found = find(look, "failed-rows");
    REQUIRE(found);
    CHECK(found->severity == Severity::warning);
    CHECK(says_text(found->text,
                    "theta of failed rows differs from that of the others (Kolmogorov-Smirnov: theta_0"));
    CHECK(says_text(found->remedy, "prior and the likelihood of rows that did not fail"));
    CHECK(says_text(found->remedy, "joint model"));
    CHECK(find(sims.look(), "failed-rows")->severity == Severity::error);  // data.nan: error refuses them
  }
  SECTION("anywhere") {
    for (int64_t row = 0; row < 4000; row += 200) sims.x_at(row, 0) = nan_value;
    const auto look = sims.look(with_nan(NanPolicy::drop));
    const auto* found = find(look, "failed-rows");
    REQUIRE(found);
    CHECK(found->severity == Severity::note);
    CHECK_FALSE(says_text(found->text, "Kolmogorov"));
  }
}

TEST_CASE("the test of failures errs as often as its level says", "[data][look]") {
  int64_t wrong = 0;
  constexpr int64_t trials = 400;
  for (int64_t trial = 0; trial < trials; ++trial) {
    core::Philox random(static_cast<uint64_t>(trial), core::Purpose::test, 9);
    std::vector<double> a, b;
    for (int i = 0; i < 30; ++i) a.push_back(random.normal());
    for (int i = 0; i < 200; ++i) b.push_back(random.normal());
    wrong += data::kolmogorov_smirnov(a, b).probability < 0.05;
  }
  // Binomial with p = 0.05: 20 with a deviation of 4.4.
  CHECK(wrong > 5);
  CHECK(wrong < 38);
  // All of one sample below the other: D = 1; m = 5 gives l = (2.236 + .12 + .11 / 2.236) and Q = 2 exp(-2
  // l^2).
  std::vector<double> low(10), high(10);
  for (size_t i = 0; i < 10; ++i) {
    low[i] = static_cast<double>(i);
    high[i] = 100 + static_cast<double>(i);
  }
  const auto apart = data::kolmogorov_smirnov(low, high);
  CHECK(apart.distance == 1);
  const double l = std::sqrt(5.0) + 0.12 + 0.11 / std::sqrt(5.0);
  CHECK_THAT(apart.probability, WithinRel(2 * std::exp(-2 * l * l), 1e-9));
  CHECK(data::kolmogorov_smirnov(low, {}).probability == 1);
}

TEST_CASE("few rows, repeated rows and limits of detection are told", "[data][look]") {
  CHECK(find(Sims(50).look(), "few-rows")->number == 50);
  Sims sims(1000);
  for (int64_t row = 500; row < 1000; ++row) {
    for (const int64_t i : {0, 1}) {
      sims.theta_at(row, i) = sims.theta_at(row - 500, i);
      sims.x_at(row, i) = sims.x_at(row - 500, i);
    }
  }
  CHECK_THAT(find(sims.look(), "repeated-rows")->number, WithinAbs(0.5, 1e-12));
  Sims clipped(1000);
  for (double& value : clipped.x) value = std::min(value, 0.5);
  const auto look = clipped.look();
  REQUIRE(find(look, "limits"));
  CHECK(find(look, "limits")->severity == Severity::note);
  CHECK(look.x[0].limits[0].value == 0.5);
  CHECK(look.count(Severity::warning) == 0);
}

TEST_CASE("of large data a sample of rows is looked at, and said so", "[data][look]") {
  const Sims sims(4000);
  const auto look = sims.look({}, {.seed = 3, .most_numbers = 2000});
  CHECK(look.looked_at == 500);
  CHECK(look.theta[0].count == 500);
  CHECK(says_text(data::summary_line(look), "500 at random were looked at"));
  CHECK_THAT(look.theta[0].deviation, WithinAbs(2 / std::sqrt(12.0), 0.06));
}

TEST_CASE("what needs no sorting is that of all rows, however few are looked at", "[data][look]") {
  Sims sims(40000);
  for (const int64_t row : {5, 10007, 22000, 39999}) sims.x_at(row, 1) = -9999;
  sims.x_at(30001, 0) = 7.5;
  for (int64_t row = 0; row < 40000; row += 4000) sims.x_at(row + 3, 0) = nan_value;
  const auto look = sims.look_at_part(with_nan(NanPolicy::drop), 4000);
  CHECK(look.looked_at == 1000);
  CHECK(says_text(data::summary_line(look), "ends and means of all; quantiles of 1000 at random"));
  CHECK(look.failed == 10);
  CHECK(look.x[0].missing == 10);
  CHECK(look.x[0].count == 39990);
  CHECK(look.x[0].largest == 7.5);
  CHECK(look.x[1].smallest == -9999);
  REQUIRE(look.x[1].fills.size() == 1);
  CHECK(look.x[1].fills[0].count == 4);
  CHECK(find(look, "fill-values"));
  CHECK(says_text(find(look, "failed-rows")->text, "(10 of 40000)"));
}

TEST_CASE("rare values outside the prior are counted in all rows", "[data][look]") {
  Sims sims(40000);
  sims.theta_at(20011, 1) = 3;
  const auto prior = box_prior(-1, 1);
  data::LookRequest request;
  request.prior = prior.get();
  const auto look = sims.look_at_part({}, 2000, request);
  REQUIRE(find(look, "outside-prior"));
  CHECK_THAT(find(look, "outside-prior")->number, WithinAbs(1 / 40000.0, 1e-12));
}

TEST_CASE("theta in other units than the prior, within its ends, is warned of", "[data][look]") {
  const Sims sims(1000);
  const auto degrees = box_prior(-180, 180), radians = box_prior(-1, 1), close = box_prior(-1.1, 1.1);
  const auto look = sims.look({}, {.prior = degrees.get()});
  const auto* found = find(look, "other-distribution");
  REQUIRE(found);
  CHECK(found->severity == Severity::warning);
  CHECK(found->variables.size() == 2);
  CHECK(says_text(found->line(), "degrees"));
  for (const auto* prior : {radians.get(), close.get()})
    CHECK(find(sims.look({}, {.prior = prior}), "other-distribution") == nullptr);
  const auto normal = data::make_prior({data::PriorKind::normal, {}, {}, {0}, {0.3}}, 2);
  CHECK(find(sims.look({}, {.prior = normal.get()}), "other-distribution"));
  const auto custom = data::make_prior({data::PriorKind::custom, {-180}, {180}, {}, {}}, 2);
  CHECK(find(sims.look({}, {.prior = custom.get()}), "other-distribution") == nullptr);
}

TEST_CASE("numbers that were rounded too coarsely are warned of", "[data][look]") {
  Sims sims(1000);
  CHECK(find(sims.look(), "coarse") == nullptr);
  for (int64_t row = 0; row < 1000; ++row)
    sims.theta_at(row, 0) = 1e18 + std::round(3 * sims.theta_at(row, 0)) * 512;
  const auto look = sims.look();
  const auto* found = find(look, "coarse");
  REQUIRE(found);
  CHECK(found->severity == Severity::warning);
  CHECK(found->variables == std::vector<std::string>{"theta_0"});
}

TEST_CASE("the table and the JSON of a look hold every variable", "[data][look]") {
  Sims sims(300);
  sims.x_at(0, 0) = nan_value;
  const auto look = sims.look();
  const std::string table = data::variable_table(look), json = data::look_json(look);
  for (const std::string name : {"theta_0", "theta_1", "x_0", "x_1"}) {
    CHECK(says_text(table, name));
    CHECK(says_text(json, "\"name\": \"" + name + "\""));
  }
  CHECK(says_text(json, "\"rows\": 300"));
  CHECK(says_text(json, "\"kind\": \"failed-rows\""));
  CHECK(says_text(json, "\"outside_prior\": 0"));
  CHECK(says_text(json, "\"histogram\": {\"low\": "));
}

TEST_CASE("a column's histogram counts its middle 99 % in equal bins", "[data][look]") {
  std::vector<double> values;
  for (int i = 0; i <= 1000; ++i) values.push_back(i);
  values.push_back(1e6);
  const auto histogram = data::column_facts("a", values).histogram;
  CHECK(std::abs(histogram.low - 5) < 0.1);
  CHECK(std::abs(histogram.high - 996) < 0.1);
  REQUIRE(histogram.counts.size() == 24);
  int64_t sum = 0;
  for (const int64_t count : histogram.counts) {
    CHECK(std::abs(static_cast<double>(count) - 990.0 / 24) <= 1);
    sum += count;
  }
  CHECK(sum == 990);  // 6, 7, ..., 995
  CHECK(data::column_facts("same", std::vector<double>(50, 3.0)).histogram.counts.empty());
  CHECK(data::column_facts("none", {}).histogram.counts.empty());
}

TEST_CASE("one training row tells no spread", "[data][survey]") {
  Sims sims(2);
  data::DataOptions options;
  options.standardise_x = data::Standardise::per_feature;
  options.constant = data::ConstantColumns::error;
  REQUIRE_USER_ERROR(data::survey(sims.dataset(), options, 1),
                     test::says("one training row tells no spread") && test::says("give more rows"));
}
