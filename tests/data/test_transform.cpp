#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "core/philox.hpp"
#include "data/data_options.hpp"
#include "data/errors.hpp"
#include "data/files/names.hpp"
#include "data/survey.hpp"
#include "data/tasks/task.hpp"
#include "data/transform_choice.hpp"

namespace fluxsbi {
namespace {

using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using data::Standardise;
using data::Transform;
using data::TransformKind;
using data::TransformWord;
using test::says;

constexpr double inf = std::numeric_limits<double>::infinity();

Transform asinh_at(double centre, double width) {
  Transform transform;
  transform.kind = TransformKind::asinh;
  transform.centre = centre;
  transform.width = width;
  return transform;
}

std::vector<double> numbers(int64_t count, const std::function<double(core::Philox&)>& draw) {
  core::Philox random(5, core::Purpose::test);
  std::vector<double> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(draw(random));
  return values;
}

std::vector<int64_t> all_of(size_t count) {
  std::vector<int64_t> rows;
  for (size_t i = 0; i < count; ++i) rows.push_back(static_cast<int64_t>(i));
  return rows;
}

data::Standardiser fit(const std::vector<double>& values, data::StandardiserRequest request) {
  data::StandardiserFit fit(1, std::move(request), core::Philox(1, core::Purpose::test));
  fit.add(values, all_of(values.size()));
  return fit.finish();
}

TransformKind chosen(const std::function<double(core::Philox&)>& draw) {
  return data::choose_transform(numbers(5000, draw)).transform.kind;
}

}  // namespace

TEST_CASE("every transform is inverted, and its slopes are its derivatives", "[data][transform]") {
  const std::vector<Transform> transforms{data::between(-1, 3), data::between(2, inf), data::between(-inf, 5),
                                          asinh_at(1, 0.3), Transform{}};
  for (const Transform& transform : transforms) {
    for (const double value : {2.1, 2.5, 2.9}) {
      CAPTURE(static_cast<int>(transform.kind), value);
      const double u = transform.forward(value), h = 1e-6;
      CHECK_THAT(transform.inverse(u), WithinRel(value, 1e-13));
      const double slope = (transform.forward(value + h) - transform.forward(value - h)) / (2 * h);
      CHECK_THAT(transform.log_slope(value), WithinAbs(std::log(slope), 1e-7));
      const double along =
          (transform.log_slope(transform.inverse(u + h)) - transform.log_slope(transform.inverse(u - h))) /
          (2 * h);
      CHECK_THAT(transform.log_slope_gradient(u), WithinAbs(along, 1e-6));
    }
    CHECK(std::isnan(transform.forward(std::nan(""))));
  }
}

TEST_CASE("a range of ten decades keeps its small values, and all inverses lie inside", "[data][transform]") {
  Transform logit = data::between(1e-10, 1);
  logit.low_margin = logit.high_margin = 1e-16;
  for (const double value : {2e-10, 1e-9, 1e-5, 0.5, 1 - 1e-9})
    CHECK_THAT(logit.inverse(logit.forward(value)), WithinRel(value, 1e-12));
  const auto values =
      numbers(2000, [](core::Philox& random) { return std::pow(10, 10 * random.uniform() - 10); });
  const auto fitted = fit(values, {Standardise::per_feature, false, {"theta"}, {logit}, {}, false});
  const std::vector<double> question{1e-9};
  const std::vector<float> z = fitted.apply(question);
  CHECK_THAT(fitted.invert(z)[0], WithinRel(1e-9, 1e-4));
  CHECK(fitted.moved(values) == 0);
  for (const float far : {-1e3F, -50.0F, 50.0F, 1e3F}) {
    const double value = fitted.invert(std::vector<float>{far})[0];
    CHECK((value > 1e-10 && value < 1));
  }
}

TEST_CASE("a column that lies on the end of its log alone is learned as 0, and a later value near it",
          "[data][transform]") {
  const auto fitted =
      fit({0, 0, 0, 0}, {Standardise::per_feature, true, {"x"}, {data::between(0, inf)}, {}, true});
  const std::vector<double> values{0, 1, 20};
  const auto z = fitted.apply(values);
  CHECK(z[0] == 0);
  CHECK(z[1] == 0);
  CHECK_THAT(z[2], WithinAbs(std::log(20), 1e-6));
}

TEST_CASE("values on an end count as half the smallest other distance inside", "[data][transform]") {
  const std::vector<double> values{0, 0.1, 0.02, 0.05, 0.096, 0.1};
  data::StandardiserFit fitting(
      1, {Standardise::per_feature, false, {"theta"}, {data::between(0, 0.1)}, {}, false},
      core::Philox(1, core::Purpose::test));
  fitting.add(values, all_of(values.size()));
  const auto fitted = fitting.finish();
  CHECK(fitting.on_end()[0] == 3);
  CHECK_THAT(fitted.transforms[0].low_margin, WithinRel(0.01, 1e-12));
  CHECK_THAT(fitted.transforms[0].high_margin, WithinRel(0.002, 1e-9));
  CHECK(fitted.moved(values) == 0);  // on an end
  const std::vector<double> strange{-0.001, 0.005, 0.05, 0.0985, 0.11};
  CHECK(fitted.moved(strange) == 4);  // beyond the ends, or nearer than training ever was
  const std::vector<double> end{0.1}, inside{0.098};
  CHECK_THAT(fitted.apply(end)[0], WithinAbs(fitted.apply(inside)[0], 0.02));
  CHECK(std::isfinite(fitted.log_slope(0, 0.1)));
  // float32 rounds 0.1 to a number beyond it.
  const std::vector<double> rounded{static_cast<double>(0.1F)};
  const std::vector<Transform> ends{data::between(0, 0.1)};
  CHECK(data::first_outside(ends, true, rounded, all_of(1)) == -1);
  CHECK(data::first_outside(ends, false, rounded, all_of(1)) == 0);
}

TEST_CASE("units and offsets change no standardised value", "[data][transform][units]") {
  const auto plain = numbers(500, [](core::Philox& random) { return random.normal(); });
  const auto reference = fit(plain, {Standardise::per_feature, false, {"a"}, {}, {}, false}).apply(plain);
  for (const auto& [unit, offset] : std::vector<std::pair<double, double>>{{1e-12, 0}, {1e9, 0}, {1, 1e9}}) {
    CAPTURE(unit, offset);
    std::vector<double> values = plain;
    for (double& value : values) value = offset + unit * value;
    const auto fitted = fit(values, {Standardise::per_feature, false, {"a"}, {}, {}, false});
    const auto z = fitted.apply(values);
    for (size_t i = 0; i < z.size(); ++i) CHECK_THAT(z[i], WithinAbs(reference[i], 1e-6));
    const auto back = fitted.invert(z);
    for (size_t i = 0; i < z.size(); ++i) CHECK_THAT((back[i] - offset) / unit, WithinAbs(plain[i], 1e-6));
  }
}

TEST_CASE("float64 tells columns of seconds since 1970 apart that float32 calls constant",
          "[data][transform]") {
  std::vector<double> seconds;
  for (int64_t i = 0; i < 100; ++i) seconds.push_back(1.7e9 + static_cast<double>(i));
  data::StandardiserRequest request{Standardise::per_feature, false, {"t"}, {}, {}, false};
  CHECK_THAT(fit(seconds, request).scale[0], WithinRel(std::sqrt((100.0 * 100 - 1) / 12), 1e-9));
  request.single = true;
  REQUIRE_USER_ERROR(fit(seconds, request), says("the column t is constant"));
}

TEST_CASE("auto sees skew, tails and extremes, and leaves ordinary columns alone",
          "[data][transform][auto]") {
  CHECK(chosen([](core::Philox& r) { return r.normal(); }) == TransformKind::none);
  CHECK(chosen([](core::Philox& r) { return r.uniform(); }) == TransformKind::none);
  CHECK(chosen([](core::Philox& r) { return std::abs(r.normal()); }) == TransformKind::none);
  CHECK(chosen([](core::Philox& r) { return std::pow(10, 4 * r.uniform()); }) == TransformKind::log);
  CHECK(chosen([](core::Philox& r) { return -std::pow(10, 4 * r.uniform()); }) == TransformKind::log);
  CHECK(chosen([](core::Philox& r) { return std::exp(2 * r.normal()); }) == TransformKind::log);
  CHECK(chosen([](core::Philox& r) { return std::exp(0.6 * r.normal()); }) == TransformKind::log);
  CHECK(chosen([](core::Philox& r) { return std::exp(0.3 * r.normal()); }) == TransformKind::none);
  CHECK(chosen([](core::Philox& r) { return 1e6 + std::exp(0.6 * r.normal()); }) == TransformKind::none);
  CHECK(chosen([](core::Philox& r) { return std::tan(M_PI * (r.uniform() - 0.5)); }) == TransformKind::asinh);
  for (const double fill : {1e20, -999.0}) {
    const auto choice = data::choose_transform(
        numbers(5000, [&](core::Philox& r) { return r.uniform() < 0.01 ? fill : r.normal(); }));
    CHECK(choice.robust);
    CHECK(choice.transform.kind == TransformKind::asinh);
    CHECK_THAT(choice.transform.width, WithinRel(4, 0.1));
  }
}

TEST_CASE("auto takes asinh from zero for sizes that reach it, in any unit and with either sign",
          "[data][transform][auto]") {
  const auto exponential = numbers(5000, [](core::Philox& r) { return -std::log(r.uniform()); });
  for (const double unit : {1.0, 1e-12, -1e9}) {
    std::vector<double> values = exponential;
    for (double& value : values) value *= unit;
    const auto choice = data::choose_transform(values);
    CAPTURE(unit);
    REQUIRE(choice.transform.kind == TransformKind::asinh);
    CHECK(choice.transform.centre == 0);
    CHECK(choice.transform.width > 0.05 * std::abs(unit));
    CHECK(choice.transform.width < 0.2 * std::abs(unit));
  }
  // rain: dry days are zeros, and stay so
  const auto rain = data::choose_transform(
      numbers(5000, [](core::Philox& r) { return r.uniform() < 0.6 ? 0 : std::exp(1.5 * r.normal()); }));
  CHECK(rain.transform.kind == TransformKind::asinh);
  CHECK(rain.transform.forward(0) == 0);
}

TEST_CASE("auto takes counts for what they are: skewed ones by asinh of one, labels and levels as they stand",
          "[data][transform][auto]") {
  const auto counts =
      numbers(5000, [](core::Philox& r) { return std::floor(20 * std::exp(1.5 * r.normal())); });
  const auto choice = data::choose_transform(counts);
  CHECK(choice.transform.kind == TransformKind::asinh);
  CHECK(choice.transform.centre == 0);
  CHECK(choice.transform.width == 1);
  const auto epidemic = [](core::Philox& r) {  // most rows hold no case
    return r.uniform() < 0.7 ? 0 : std::floor(20 * std::exp(1.5 * r.normal()));
  };
  CHECK(chosen(epidemic) == TransformKind::asinh);
  CHECK(chosen([](core::Philox& r) { return std::floor(1000 * r.uniform()); }) == TransformKind::none);
  CHECK(chosen([](core::Philox& r) { return std::floor(3 * std::exp(r.normal())) > 5 ? 1.0 : 0.0; }) ==
        TransformKind::none);
}

TEST_CASE("extremes among skewed values are brought in by log, or make the column robust",
          "[data][transform][auto]") {
  const auto with = [](double fill, double sigma) {
    return data::choose_transform(numbers(
        5000, [&](core::Philox& r) { return r.uniform() < 0.01 ? fill : std::exp(sigma * r.normal()); }));
  };
  const auto far = with(1e20, 1);
  CHECK(far.robust);
  const auto near = with(1e4, 1);
  CHECK_FALSE(near.robust);
  CHECK(near.transform.kind == TransformKind::log);
  // what is ordinary decides: without the fill values there is nothing to straighten
  CHECK(with(1e4, 0.2).robust);
}

TEST_CASE("extremes too rare for a sample make a column robust, and its signs are those of all rows",
          "[data][transform][auto]") {
  auto values = numbers(5000, [](core::Philox& r) { return r.normal(); });
  data::ColumnTally tally;
  for (int i = 0; i < 200; ++i) {
    for (const double value : values) tally.add(value);
  }
  CHECK(data::choose_transform(values, &tally).transform.kind == TransformKind::none);
  for (int i = 0; i < 10; ++i) tally.add(1e20);
  const auto choice = data::choose_transform(values, &tally);
  CHECK(choice.robust);
  CHECK(choice.reason.find("less than 0.01 %") != std::string::npos);

  values = numbers(5000, [](core::Philox& r) { return std::pow(10, 4 * r.uniform()); });
  data::ColumnTally positive;
  for (const double value : values) positive.add(value);
  CHECK(data::choose_transform(values, &positive).transform.kind == TransformKind::log);
  positive.add(-1);
  CHECK(data::choose_transform(values, &positive).transform.kind != TransformKind::log);
}

TEST_CASE("a fill value in ten rows of many changes the transform of the fit", "[data][transform][auto]") {
  const int64_t rows = 60000;
  auto x = numbers(rows, [](core::Philox& r) { return r.normal(); });
  const auto theta = numbers(rows, [](core::Philox& r) { return r.uniform(); });
  const auto fit_of = [&](const std::vector<double>& side) {
    data::Dataset dataset;
    dataset.shape.theta_dim = dataset.shape.x_dim = 1;
    const auto array = [&](const std::vector<double>& values) {
      return data::rows_in_memory(io::Array::from(std::span<const double>(values), {rows, 1}));
    };
    dataset.rows = std::make_shared<data::RowSource>(array(theta), array(side));
    dataset.theta_names = {"theta_0"};
    dataset.x_names = {"x_0"};
    data::DataOptions options;
    data::resolve(options, "per_feature");
    return data::survey(dataset, options, 1);
  };
  CHECK(fit_of(x).x.transforms.empty());
  for (int64_t i = 0; i < 10; ++i)
    x[static_cast<size_t>(6000 * i + 1)] = 1e20;  // none is a multiple of three
  const auto found = fit_of(x);
  REQUIRE(found.x.transforms.size() == 1);
  CHECK(found.x.transforms[0].kind == TransformKind::asinh);
  REQUIRE(found.remarks.size() == 1);
}

TEST_CASE("one per cent of fill values spoils no robust column", "[data][transform][auto]") {
  const auto values = numbers(5000, [](core::Philox& r) { return r.uniform() < 0.01 ? 1e20 : r.normal(); });
  const auto choice = data::choose_transform(values);
  const auto fitted = fit(values, {Standardise::per_feature, false, {"x"}, {choice.transform}, {1}, false});
  const std::vector<double> points{-1, 0, 1, 1e20};
  const auto z = fitted.apply(points);
  for (size_t i = 0; i < 3; ++i) CHECK_THAT(z[i], WithinAbs(points[i], 0.1));
  CHECK((z[3] > 30 && z[3] < 300));
}

TEST_CASE("auto leaves the built-in tasks that name no transform as they are", "[data][transform][auto]") {
  for (const data::TaskRow& row : data::tasks()) {
    CAPTURE(row.name);
    data::DataOptions options;
    options.task = row.name;
    options.simulations = 2000;
    data::resolve(options, "per_feature");
    if (options.transform_x != data::TransformWords{TransformWord::automatic}) continue;
    if (options.standardise_x != Standardise::robust) {
      const auto shape = data::dataset_shape(options);
      if (shape.padded || shape.x_size() > 1000) continue;
    }
    const auto found = data::survey(data::open_dataset(options, 1), options, 1);
    CHECK(found.theta.transforms.empty());
    CHECK(found.x.transforms.empty());
    CHECK(found.remarks.empty());
  }
}

TEST_CASE("words that do not fit are refused by name", "[data][transform][errors]") {
  const std::vector<double> values{-1, 2, 3, 4, 5, 6};
  const auto choose = [&](std::vector<TransformWord> words, Standardise kind = Standardise::per_feature) {
    return data::choose_transforms({"data.transform_x", std::move(words), kind, {"a", "b"}, {}, false, false},
                                   values);
  };
  REQUIRE_USER_ERROR(choose({TransformWord::log, TransformWord::none, TransformWord::none}),
                     says("data.transform_x has 3 words for 2 variables"));
  REQUIRE_USER_ERROR(choose({TransformWord::log}), says("does not fit a") && says("both signs"));
  REQUIRE_USER_ERROR(choose({TransformWord::logit}), says("between 0 and 1"));
  REQUIRE_USER_ERROR(choose({TransformWord::asinh}, Standardise::shared), says("use per_feature"));
  const auto good = choose({TransformWord::asinh, TransformWord::log});
  CHECK(good.transforms[0].kind == TransformKind::asinh);
  CHECK(good.transforms[1].kind == TransformKind::log);
  CHECK(choose({TransformWord::none}).transforms.empty());
}

}  // namespace fluxsbi
