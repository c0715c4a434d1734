#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "core/philox.hpp"
#include "data/errors.hpp"
#include "data/files/names.hpp"
#include "data/standardise.hpp"

using namespace fluxsbi;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using data::Standardise;
using test::says;

namespace {

const std::vector<std::string> letters{"a", "b"};
// rows (1, 10), (3, 10.5), (100, -7), (5, 12)
const std::vector<float> values{1, 10, 3, 10.5f, 100, -7, 5, 12};
const std::vector<int64_t> chosen{0, 1, 3};
constexpr double exact = 1e-14;  // relative; sums of a few doubles

std::vector<double> doubles(const std::vector<float>& table) {
  return {table.begin(), table.end()};
}

data::Standardiser fit_standardiser(const std::vector<float>& table, int64_t size,
                                    const std::vector<int64_t>& rows, Standardise kind, bool keep_constant,
                                    std::vector<std::string> of, const data::Range& range = {}) {
  data::StandardiserFit fit(size, {kind, keep_constant, std::move(of), data::between(range)},
                            core::Philox(1, core::Purpose::test));
  fit.add(doubles(table), rows);
  return fit.finish();
}

}  // namespace

TEST_CASE("means and scales are those of the chosen rows, with n in the denominator", "[data][standardise]") {
  const auto each = fit_standardiser(values, 2, chosen, Standardise::per_feature, false, letters);
  REQUIRE_THAT(each.mean[0], WithinRel(3, exact));
  REQUIRE_THAT(each.scale[0], WithinRel(std::sqrt(8.0 / 3), exact));
  REQUIRE_THAT(each.mean[1], WithinRel(32.5 / 3, exact));
  const auto shared = fit_standardiser(values, 2, chosen, Standardise::shared, false, letters);
  const double mean = 41.5 / 6;  // of 1, 10, 3, 10.5, 5, 12
  REQUIRE_THAT(shared.mean[0], WithinRel(mean, exact));
  REQUIRE(shared.mean[0] == shared.mean[1]);
  REQUIRE_THAT(shared.scale[1],
               WithinRel(std::sqrt((1 + 100 + 9 + 110.25 + 25 + 144) / 6 - mean * mean), 1e-13));
  const auto none = fit_standardiser(values, 2, chosen, Standardise::none, false, letters);
  REQUIRE(none.mean == std::vector<double>{0, 0});
  REQUIRE(none.scale == std::vector<double>{1, 1});
}

TEST_CASE("invert undoes apply, and applied training rows have mean 0 and sd 1", "[data][standardise]") {
  constexpr int64_t rows = 500, size = 3;
  core::Philox random(1, core::Purpose::test);
  std::vector<float> original;
  std::vector<int64_t> all;
  for (int64_t i = 0; i < rows; ++i) {
    all.push_back(i);
    for (const double scale : {1e-3, 1.0, 1e5})
      original.push_back(static_cast<float>(scale * (4 + random.normal())));
  }
  const auto standardiser =
      fit_standardiser(original, size, all, Standardise::per_feature, false, data::default_names("x", 3));
  const std::vector<float> standard = standardiser.apply(doubles(original));
  const auto again =
      fit_standardiser(standard, size, all, Standardise::per_feature, false, data::default_names("x", 3));
  constexpr double single = 1e-6;  // float32 rounding of each value, averaged
  for (size_t i = 0; i < 3; ++i) {
    REQUIRE_THAT(again.mean[i], WithinAbs(0, single));
    REQUIRE_THAT(again.scale[i], WithinAbs(1, single));
  }
  const std::vector<double> back = standardiser.invert(standard);
  constexpr double round_trip = 1e-6;  // relative; one rounding to float32
  for (size_t i = 0; i < original.size(); ++i) {
    REQUIRE_THAT(back[i], WithinRel(static_cast<double>(original[i]), round_trip));
  }
}

TEST_CASE("a large offset does not spoil the scale", "[data][standardise]") {
  // One pass with sums of squares would lose all digits here.
  std::vector<float> offset;
  std::vector<int64_t> all;
  for (int64_t i = 0; i < 100; ++i) {
    offset.push_back(static_cast<float>(1000000 + (i % 2 ? 64 : -64)));
    all.push_back(i);
  }
  const auto fitted =
      fit_standardiser(offset, 1, all, Standardise::per_feature, false, data::default_names("x", 1));
  REQUIRE_THAT(fitted.scale[0], WithinRel(64, exact));
}

TEST_CASE("constant columns are named, or kept with scale 1", "[data][standardise]") {
  const std::vector<float> table{0.1f, 5, 1, 0.1f, 6, 1, 0.1f, 7, 1};
  const std::vector<int64_t> all{0, 1, 2};
  const auto three = data::default_names("x", 3);
  REQUIRE_USER_ERROR(fit_standardiser(table, 3, all, Standardise::per_feature, false, three),
                     says("columns x_0, x_2 are constant") && says("data.constant: keep"));
  const auto kept = fit_standardiser(table, 3, all, Standardise::per_feature, true, three);
  REQUIRE(kept.scale[0] == 1);
  REQUIRE(kept.scale[2] == 1);
  REQUIRE_THAT(kept.mean[0], WithinRel(static_cast<double>(0.1F), exact));
  // Neither asks a column to vary by itself.
  const auto shared = fit_standardiser(table, 3, all, Standardise::shared, false, three);
  REQUIRE_THAT(shared.mean[0], WithinRel((3 * static_cast<double>(0.1F) + 18 + 3) / 9, exact));
  REQUIRE(shared.mean[1] == shared.mean[0]);
  REQUIRE(shared.scale[2] == shared.scale[0]);
  const auto none = fit_standardiser(table, 3, all, Standardise::none, false, three);
  REQUIRE(none.mean == std::vector<double>{0, 0, 0});
  REQUIRE(none.scale == std::vector<double>{1, 1, 1});
}

TEST_CASE("a column that varies by rounding alone counts as constant", "[data][standardise]") {
  const std::vector<float> barely{1e6f, std::nextafter(1e6f, 2e6f), 1e6f};
  REQUIRE_USER_ERROR(fit_standardiser(barely, 1, std::vector<int64_t>{0, 1, 2}, Standardise::per_feature,
                                      false, data::default_names("x", 1)),
                     says("the column x_0 is constant"));
}

TEST_CASE("a constant column is one whatever it holds and however long it is", "[data][standardise]") {
  constexpr int64_t rows = 50000;
  std::vector<int64_t> all(rows);
  std::iota(all.begin(), all.end(), int64_t{0});
  for (const double value : {0.1, 1.0 / 3, -999.9, 1.7e18, 9.96921e36, 1e-300}) {
    CAPTURE(value);
    const auto fitted = [&](bool keep) {
      data::StandardiserFit fit(
          1, {.keep_constant = keep, .names = data::default_names("x", 1), .single = false},
          core::Philox(1, core::Purpose::test));
      fit.add(std::vector<double>(rows, value), all);
      return fit.finish();
    };
    REQUIRE_USER_ERROR(fitted(false), says("the column x_0 is constant"));
    const auto kept = fitted(true);
    CHECK(kept.mean[0] == value);
    CHECK(kept.scale[0] == 1);
  }
}

TEST_CASE("the mean of values with a large offset is exact to a part of their spread",
          "[data][standardise]") {
  constexpr int64_t rows = 50000;
  constexpr double offset = 1e9, step = 1.0 / 1048576;  // of which offset is a multiple
  std::vector<int64_t> all(rows);
  std::iota(all.begin(), all.end(), int64_t{0});
  std::vector<double> values;
  for (int64_t i = 0; i < rows; ++i) values.push_back(offset + step * static_cast<double>(i * 7919 % 1009));
  data::StandardiserFit fit(1, {.names = data::default_names("x", 1), .single = false},
                            core::Philox(1, core::Purpose::test));
  fit.add(values, all);
  double steps = 0;
  for (int64_t i = 0; i < rows; ++i) steps += static_cast<double>(i * 7919 % 1009);
  const auto fitted = fit.finish();
  // Half a place of a double near 1e9 is 6e-8; the spread is 2.8e-4.
  CHECK_THAT(fitted.mean[0] - offset, WithinAbs(step * steps / rows, 1.2e-7));
  CHECK_THAT(fitted.scale[0], WithinRel(step * 1009 / std::sqrt(12.0), 1e-3));
}

TEST_CASE("many constant columns are counted, channels are numbered", "[data][standardise]") {
  const std::vector<float> zeros(40);
  const std::vector<int64_t> all{0, 1};
  REQUIRE_USER_ERROR(
      fit_standardiser(zeros, 20, all, Standardise::per_feature, false, data::default_names("x", 20)),
      says("x_5 and 14 more"));
  REQUIRE_USER_ERROR(
      fit_standardiser(zeros, 20, all, Standardise::per_feature, false, data::default_names("x", 10)),
      says("x_0[0], x_0[1], x_1[0]"));
}

TEST_CASE("one mean and scale a channel serve all tokens", "[data][standardise]") {
  const std::vector<float> tokens{1, 10, 3, 30, 5, 20, 7, 40};  // two rows of two tokens of two channels
  const std::vector<int64_t> rows{0, 1};
  const auto channel = fit_standardiser(tokens, 4, rows, Standardise::per_channel, false, letters);
  REQUIRE(channel.mean == std::vector<double>{4, 25, 4, 25});
  REQUIRE_THAT(channel.scale[0], WithinRel(std::sqrt(5.0), exact));
  REQUIRE_THAT(channel.scale[3], WithinRel(std::sqrt(125.0), exact));
  const std::vector<float> flat{1, 5, 2, 5};
  REQUIRE_USER_ERROR(
      fit_standardiser(flat, 4, std::vector<int64_t>{0}, Standardise::per_channel, false, letters),
      says("a[1] ... b[1]"));
}

TEST_CASE("absent elements of a set take no part and stay absent", "[data][standardise]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> sets{1, nan, 3, 5};  // two sets of up to two elements
  const std::vector<int64_t> rows{0, 1};
  const auto channel = fit_standardiser(sets, 2, rows, Standardise::per_channel, false, letters);
  REQUIRE(channel.mean == std::vector<double>{3, 3});
  REQUIRE_THAT(channel.scale[0], WithinRel(std::sqrt(8.0 / 3), exact));
  const std::vector<float> z = channel.apply(doubles(sets));
  REQUIRE(std::isnan(z[1]));
  REQUIRE(z[2] == 0);
  const std::vector<float> never{1, nan, 3, nan};
  REQUIRE_USER_ERROR(fit_standardiser(never, 2, rows, Standardise::per_feature, false, letters),
                     says("column b is constant"));
}

TEST_CASE("robust standardisation is of median and quartiles", "[data][standardise]") {
  // 1, 2, 3, 4, 1e30 and its mirror: quartiles 2 and 4
  const std::vector<float> tails{1, -1, 2, -2, 3, -3, 4, -4, 1e30F, -1e30F};
  const std::vector<int64_t> rows{4, 0, 3, 1, 2};
  const auto fitted = fit_standardiser(tails, 2, rows, Standardise::robust, false, letters);
  const double quartiles_of_normal = 1.3489795003921634;
  REQUIRE(fitted.mean == std::vector<double>{3, -3});
  REQUIRE_THAT(fitted.scale[0], WithinRel(2 / quartiles_of_normal, exact));
  REQUIRE_THAT(fitted.scale[1], WithinRel(2 / quartiles_of_normal, exact));
  // between two rows: linear, as numpy's quantile
  const auto two =
      fit_standardiser(tails, 2, std::vector<int64_t>{0, 1}, Standardise::robust, false, letters);
  REQUIRE_THAT(two.mean[0], WithinRel(1.5, exact));
  REQUIRE_THAT(two.scale[0], WithinRel(0.5 / quartiles_of_normal, exact));
}

TEST_CASE("robust standardisation of a normal is that of its moments", "[data][standardise]") {
  constexpr int64_t n = 100000;
  core::Philox random(2, core::Purpose::test);
  std::vector<float> normal;
  std::vector<int64_t> all;
  for (int64_t i = 0; i < n; ++i) {
    all.push_back(i);
    normal.push_back(static_cast<float>(5 + 2 * random.normal()));
  }
  const auto fitted =
      fit_standardiser(normal, 1, all, Standardise::robust, false, data::default_names("x", 1));
  constexpr double five_sigma = 0.04;  // median: 1.25 * 2 / sqrt n, scale: 1.17 * 2 / sqrt n
  REQUIRE_THAT(fitted.mean[0], WithinAbs(5, five_sigma));
  REQUIRE_THAT(fitted.scale[0], WithinAbs(2, five_sigma));
}

TEST_CASE("a feature whose middle half is one value has its moments, absent elements none",
          "[data][standardise]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> rare{0, 1, 0, nan, 0, 2, 0, 3, 10, 4};  // a: 0, 0, 0, 0, 10; b: 1, 2, 3, 4
  const std::vector<int64_t> all{0, 1, 2, 3, 4};
  const auto fitted = fit_standardiser(rare, 2, all, Standardise::robust, false, letters);
  REQUIRE_THAT(fitted.mean[0], WithinRel(2, exact));
  REQUIRE_THAT(fitted.scale[0], WithinRel(4, exact));
  REQUIRE_THAT(fitted.mean[1], WithinRel(2.5, exact));
  const std::vector<float> flat{7, 1, 7, 2, 7, 3};
  REQUIRE_USER_ERROR(
      fit_standardiser(flat, 2, std::vector<int64_t>{0, 1, 2}, Standardise::robust, false, letters),
      says("the column a is constant"));
}

TEST_CASE("features with ends are standardised on the whole line and come back inside",
          "[data][standardise][range]") {
  constexpr double inf = std::numeric_limits<double>::infinity();
  const data::Range range{{-1, 2, -inf, -inf}, {3, inf, 5, inf}};
  const auto four = data::default_names("theta", 4);
  const std::vector<float> table{0, 3, 1, -7, 2.5f, 2.25f, 4.5f, 9, -0.9f, 40, -20, 0};
  const auto fitted =
      fit_standardiser(table, 4, std::vector<int64_t>{0, 1, 2}, Standardise::per_feature, false, four, range);
  const std::vector<float> z = fitted.apply(doubles(table));
  const auto u = [](double v) { return std::log((v + 1) / (3 - v)); };
  const double mean = (u(0) + u(2.5) + u(static_cast<double>(-0.9F))) / 3;
  constexpr double single = 1e-6;
  REQUIRE_THAT(fitted.mean[0], WithinAbs(mean, single));
  REQUIRE_THAT(z[0], WithinAbs((u(0) - mean) / fitted.scale[0], single));
  REQUIRE_THAT(z[5], WithinAbs((std::log(0.25) - fitted.mean[1]) / fitted.scale[1], single));
  REQUIRE_THAT(z[6], WithinAbs((-std::log(0.5) - fitted.mean[2]) / fitted.scale[2], single));
  const std::vector<double> back = fitted.invert(z);
  for (size_t i = 0; i < back.size(); ++i)
    REQUIRE_THAT(back[i], WithinAbs(table[i], 1e-4));  // 40 has 5 digits

  const std::vector<double> far = fitted.invert(std::vector<float>{1e3f, -1e3f, 1e3f, 0, -1e3f, 1, -1, 0});
  REQUIRE((far[0] < 3 && far[0] > 2.9F));
  REQUIRE((far[1] > 2 && far[1] < 2.001F));
  REQUIRE((far[2] < 5 && far[2] > 4.999F));
  REQUIRE((far[4] > -1 && far[4] < -0.9F));
  for (const float value : fitted.apply(std::vector<double>{-1, 2, 5, 0, 3, 3, 3, 3}))
    REQUIRE(std::isfinite(value));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  REQUIRE(std::isnan(fitted.apply(std::vector<double>{nan, 3, 3, 3})[0]));
}

TEST_CASE("slopes of standardisation are its derivatives", "[data][standardise][range]") {
  constexpr double inf = std::numeric_limits<double>::infinity();
  const data::Standardiser units{
      {0.3, -1, 2, 4}, {2, 0.5, 3, 0.1}, data::between({{-1, 2, -inf, -inf}, {3, inf, 5, inf}})};
  // du/dvalue of the values 2, 3, 3 and 5, by hand: 1/3 + 1/1, 1/1, 1/2, 1
  const double value[] = {2, 3, 3, 5}, slope[] = {4.0 / 3, 1, 0.5, 1};
  const double z[] = {(std::log(3.0) - 0.3) / 2, (0 + 1) / 0.5, (-std::log(2.0) - 2) / 3, 10};
  for (size_t i = 0; i < 4; ++i) {
    REQUIRE_THAT(units.log_slope(i, value[i]), WithinAbs(std::log(slope[i] / units.scale[i]), exact));
    // log_slope as a function of z, by the difference of two values 2 h apart in z.
    const double h = 1e-5, step = h * units.scale[i] / slope[i];  // dvalue/dz = scale / slope
    const double numeric =
        (units.log_slope(i, value[i] + step) - units.log_slope(i, value[i] - step)) / (2 * h);
    REQUIRE_THAT(units.log_slope_gradient(i, z[i]),
                 WithinAbs(numeric, 1e-4));  // value is no straight line of z
  }
}

TEST_CASE("the first value outside its range is found, the ends are inside", "[data][standardise][range]") {
  const auto unit = data::between({{0, 0}, {1, 1}});
  const std::vector<double> table{0.5, 0, 0.25, 1.5, 1, -1};
  CHECK(data::first_outside(unit, false, table, std::vector<int64_t>{0, 1, 2}) == 3);
  CHECK(data::first_outside(unit, false, table, std::vector<int64_t>{0, 2}) == 5);
  CHECK(data::first_outside(unit, false, table, std::vector<int64_t>{0}) == -1);
}

TEST_CASE("blocks give the moments of all rows at once", "[data][standardise][blocks]") {
  core::Philox random(3, core::Purpose::test);
  std::vector<double> table;
  std::vector<int64_t> all;
  for (int64_t row = 0; row < 1000; ++row) {
    all.push_back(row);
    // The mean drifts, so that blocks differ; b is absent at times.
    table.push_back(1e4 + 0.01 * static_cast<double>(row) + random.normal());
    table.push_back(row % 3 == 0 ? std::nan("") : random.normal());
  }
  for (const Standardise kind : {Standardise::per_feature, Standardise::shared, Standardise::robust}) {
    data::StandardiserFit whole(2, {kind, false, letters, {}}, core::Philox(1, core::Purpose::test));
    whole.add(table, all);
    data::StandardiserFit parts(2, {kind, false, letters, {}}, core::Philox(1, core::Purpose::test));
    for (int64_t first = 0; first < 1000; first += 70) {
      const auto count = static_cast<size_t>(std::min<int64_t>(70, 1000 - first));
      parts.add(std::span<const double>(table).subspan(static_cast<size_t>(2 * first), 2 * count),
                std::span<const int64_t>(all).first(count));
    }
    const auto a = whole.finish(), b = parts.finish();
    constexpr double rounding = 1e-12;  // relative; the mean is 1e4 times the deviation
    for (size_t i = 0; i < 2; ++i) {
      REQUIRE_THAT(b.mean[i], WithinRel(a.mean[i], rounding) || WithinAbs(a.mean[i], 1e-12));
      REQUIRE_THAT(b.scale[i], WithinRel(a.scale[i], 1e-10));
    }
  }
}

TEST_CASE("quantiles beyond the sample's size are those of a uniform sample", "[data][standardise][blocks]") {
  constexpr int64_t n = 200000, sampled = 20000;
  core::Philox random(4, core::Purpose::test);
  data::StandardiserFit fit(1, {Standardise::robust, false, {"a"}, {}}, core::Philox(1, core::Purpose::test),
                            sampled);
  for (int64_t first = 0; first < n; first += 1000) {
    std::vector<double> block;  // the values rise: a sample of the first rows would miss the quantiles
    std::vector<int64_t> rows;
    for (int64_t i = 0; i < 1000; ++i) {
      rows.push_back(i);
      block.push_back(static_cast<double>(first) / n + 0.001 * random.uniform());
    }
    fit.add(block, rows);
  }
  const auto fitted = fit.finish();
  constexpr double five_sigma = 0.018;  // of the median, 5 * 0.5 / sqrt(20000); the quartiles' is no larger
  REQUIRE_THAT(fitted.mean[0], WithinAbs(0.5, five_sigma));
  REQUIRE_THAT(fitted.scale[0] * 1.3489795003921634, WithinAbs(0.5, 1.5 * five_sigma));
}

TEST_CASE("float64 values keep their digits through standardisation", "[data][standardise]") {
  // Seconds since 1970, an hour apart: float32 tells 128 seconds apart there.
  std::vector<double> seconds;
  std::vector<int64_t> all;
  for (int64_t i = 0; i < 100; ++i) {
    all.push_back(i);
    seconds.push_back(1.7e9 + 3600.0 * static_cast<double>(i) + 0.25);
  }
  data::StandardiserFit fit(1, {Standardise::per_feature, false, {"t"}, {}},
                            core::Philox(1, core::Purpose::test));
  fit.add(seconds, all);
  const auto fitted = fit.finish();
  std::vector<float> z(seconds.size());
  fitted.apply(seconds, z);
  for (size_t i = 0; i < z.size(); ++i) {
    const double expected = (static_cast<double>(i) - 49.5) / std::sqrt((100.0 * 100.0 - 1) / 12);
    REQUIRE_THAT(static_cast<double>(z[i]), WithinAbs(expected, 2e-7));
  }
}
