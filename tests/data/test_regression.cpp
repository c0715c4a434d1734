#include <cmath>
#include <memory>
#include <numeric>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "core/philox.hpp"
#include "data/errors.hpp"
#include "data/regression_fit.hpp"
#include "data/source/standardised_rows.hpp"
#include "data/survey.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinAbs;

namespace {

// The identity, so that standardised values are the values.
data::Standardiser plain(size_t size) {
  return {std::vector<double>(size, 0), std::vector<double>(size, 1)};
}

std::vector<int64_t> numbers(int64_t rows) {
  std::vector<int64_t> all(static_cast<size_t>(rows));
  std::iota(all.begin(), all.end(), int64_t{0});
  return all;
}

std::shared_ptr<const data::RowSource> source_of(const std::vector<double>& theta,
                                                 const std::vector<double>& x, int64_t rows) {
  const auto side = [&](const std::vector<double>& values) {
    return data::rows_in_memory(
        io::Array::from(std::span<const double>(values), {rows, std::ssize(values) / rows}));
  };
  return std::make_shared<const data::RowSource>(side(theta), side(x));
}

// Rows of theta = b + W x + s r with r standard normal, and what made them.
struct LinearRows {
  static constexpr int64_t rows = 20'000;
  const std::vector<double> offset{0.3, -1}, weights{2, -1, 0.5, 0, 0.25, -3}, scale{0.5, 0.2};
  std::vector<double> theta, x;

  LinearRows() {
    core::Philox random(3, core::Purpose::test);
    for (int64_t row = 0; row < rows; ++row) {
      const std::vector<double> s{random.normal(), random.normal(), random.normal()};
      const double r_0 = random.normal(), r_1 = random.normal();
      x.insert(x.end(), s.begin(), s.end());
      theta.push_back(offset[0] + weights[0] * s[0] + weights[1] * s[1] + weights[2] * s[2] + scale[0] * r_0);
      theta.push_back(offset[1] + weights[3] * s[0] + weights[4] * s[1] + weights[5] * s[2] + scale[1] * r_1);
    }
  }
  data::FittedRegression fit() const {
    return data::fit_regression(*source_of(theta, x, rows), numbers(rows), plain(2), plain(3));
  }
};

}  // namespace

TEST_CASE("a linear Gaussian's regression is found", "[data][regression]") {
  const LinearRows made;
  const auto fitted = made.fit();
  const auto& found = fitted.regression;
  REQUIRE_FALSE(found.empty());
  // Four standard errors of 20,000 rows: residuals of .5 over inputs of 1.
  constexpr double error = 4 * 0.5 / 141;
  for (size_t i = 0; i < made.weights.size(); ++i)
    CHECK_THAT(found.weights[i], WithinAbs(made.weights[i], error));
  for (size_t i = 0; i < made.offset.size(); ++i)
    CHECK_THAT(found.offset[i], WithinAbs(made.offset[i], error));
  for (size_t i = 0; i < made.scale.size(); ++i) CHECK_THAT(found.scale[i], WithinAbs(made.scale[i], error));
  // Var theta_0 = 4 + 1 + .25 + .25, of which .25 is left.
  CHECK_THAT(fitted.explained[0], WithinAbs(1 - 0.25 / 5.5, 0.005));
  CHECK(
      data::remark_of(fitted, {"a", "b"}) ==
      "data.regression: linear: a linear function of x explains 95 % of a, 99 % of b (of their variances); the "
      "networks learn the rest");
}

TEST_CASE("residuals go back to where they came from", "[data][regression]") {
  const LinearRows made;
  const auto found = made.fit().regression;
  const std::vector<float> x{0.5F, -2, 1, 0, 0, 3};
  const std::vector<double> z{1, 2, -0.5, 0.25};
  const auto centres = found.centres(x);
  CHECK_THAT(centres[3], WithinAbs(found.offset[1] + 3 * found.weights[5], 1e-14));
  std::vector<double> there = z;
  found.to_residual(there, centres);
  CHECK_THAT(there[0], WithinAbs((z[0] - centres[0]) / found.scale[0], 1e-12));
  std::vector<double> back = there;
  found.from_residual(back, centres);
  for (size_t i = 0; i < z.size(); ++i) CHECK_THAT(back[i], WithinAbs(z[i], 1e-12));
}

TEST_CASE("rows are read as residuals of variance 1", "[data][regression]") {
  const LinearRows made;
  const auto rows = source_of(made.theta, made.x, made.rows);
  const data::StandardisedRows standardised(rows, plain(2), plain(3), made.fit().regression);
  std::vector<float> r(2 * made.rows), x(3 * made.rows);
  standardised.read(numbers(made.rows), r, x);
  double squares[2] = {0, 0}, with_x = 0;
  for (size_t row = 0; row < static_cast<size_t>(made.rows); ++row) {
    for (size_t k = 0; k < 2; ++k)
      squares[k] += static_cast<double>(r[2 * row + k] * r[2 * row + k]) / made.rows;
    with_x += static_cast<double>(r[2 * row] * x[3 * row]) / made.rows;
  }
  // The scale is that of rows which the fit has not seen; with so many rows the fit's own are the same.
  CHECK_THAT(squares[0], WithinAbs(1, 1e-3));
  CHECK_THAT(squares[1], WithinAbs(1, 1e-3));
  CHECK_THAT(with_x, WithinAbs(0, 1e-3));
}

TEST_CASE("what x does not tell linearly is left alone", "[data][regression]") {
  constexpr int64_t rows = 400, inputs = 60;
  core::Philox random(1, core::Purpose::test);
  std::vector<double> theta, x;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t i = 0; i < inputs; ++i) x.push_back(random.normal());
    const double first = x[static_cast<size_t>(row * inputs)];
    theta.push_back((first * first - 1) / std::sqrt(2.0));  // no correlation with x
    theta.push_back(0.8 * first + 0.6 * random.normal());
  }
  const auto source = source_of(theta, x, rows);
  // The fit's own rows would be explained by 60 of 400 directions, 15 %.
  const auto both = data::fit_regression(*source, numbers(rows), plain(2), plain(inputs));
  CHECK(both.explained[0] == 0);
  // 1 - .36 (1 + 60 / 259): what 320 rows do not tell of 60 weights is left as well.
  CHECK_THAT(both.explained[1], WithinAbs(0.557, 0.1));
  for (size_t i = 0; i < inputs; ++i) CHECK(both.regression.weights[i] == 0);
  // Left-out residuals: at least as wide as the noise, .6. Those of the fit's own rows are narrower, and of
  // variance 1 by a scale of their own.
  CHECK(both.regression.scale[1] > 0.6);
  CHECK(both.own_scale[0] == 1);
  CHECK(both.own_scale[1] < 0.6);
  data::Regression own = both.regression;
  own.scale = both.own_scale;
  std::vector<float> r(2 * rows), seen(inputs * rows);
  data::StandardisedRows(source, plain(2), plain(inputs), own).read(numbers(rows), r, seen);
  double squares = 0;
  for (size_t row = 0; row < static_cast<size_t>(rows); ++row)
    squares += static_cast<double>(r[2 * row + 1] * r[2 * row + 1]) / rows;
  CHECK_THAT(squares, WithinAbs(1, 1e-5));
  std::vector<double> first_alone;
  for (size_t i = 0; i < theta.size(); i += 2) first_alone.push_back(theta[i]);
  const auto none =
      data::fit_regression(*source_of(first_alone, x, rows), numbers(rows), plain(1), plain(inputs));
  CHECK(none.regression.empty());
  CHECK_THAT(data::remark_of(none, {"a"}), ContainsSubstring("the networks learn theta itself"));
}

TEST_CASE("a function of x that is not linear is seen in what the linear one leaves", "[data][regression]") {
  constexpr int64_t rows = 4000;
  const auto fit_of = [](double bend, double widening) {
    core::Philox random(8, core::Purpose::test);
    std::vector<double> theta, x;
    for (int64_t row = 0; row < rows; ++row) {
      const double s = random.normal(), other = random.normal();
      x.insert(x.end(), {s, other});
      theta.push_back(s + bend * (s * s - 1) + 0.3 * std::exp(widening * s) * random.normal());
    }
    return data::fit_regression(*source_of(theta, x, rows), numbers(rows), plain(1), plain(2));
  };
  const auto straight = fit_of(0, 0);
  CHECK(straight.curved < 0.02);
  CHECK(data::harm_of(straight).empty());
  // The variance of bend (s^2 - 1) is 2 bend^2 = .18, beside .09 of noise.
  const auto bent = fit_of(0.3, 0);
  CHECK_THAT(bent.curved, WithinAbs(0.18 / 0.27, 0.05));
  CHECK_THAT(data::harm_of(bent), ContainsSubstring("theta is not a linear function of x"));
  // A width that changes with x is the network's to learn, and leaves no place to find.
  CHECK(fit_of(0, 0.5).curved < 0.05);
}

TEST_CASE("auto leaves a curved theta as it is, and linear is obeyed with a warning",
          "[data][regression][survey]") {
  constexpr int64_t rows = 2000;
  const auto survey_of = [](double bend, data::RegressionKind kind) {
    core::Philox random(9, core::Purpose::test);
    std::vector<double> theta, x;
    for (int64_t row = 0; row < rows; ++row) {
      x.push_back(random.normal());
      theta.push_back(x.back() + bend * (x.back() * x.back() - 1) + 0.3 * random.normal());
    }
    data::Dataset dataset;
    dataset.shape.theta_dim = dataset.shape.x_dim = 1;
    dataset.rows = source_of(theta, x, rows);
    dataset.theta_names = {"theta_0"};
    dataset.x_names = {"x_0"};
    data::DataOptions options;
    options.regression = kind;
    data::resolve(options, "per_feature");
    return data::survey(dataset, options, 1);
  };
  const auto straight = survey_of(0, data::RegressionKind::automatic);
  CHECK_FALSE(straight.regression.empty());
  REQUIRE(straight.remarks.size() == 1);
  const auto left = survey_of(0.5, data::RegressionKind::automatic);
  CHECK(left.regression.empty());
  REQUIRE(left.remarks.size() == 1);
  CHECK_THAT(left.remarks[0],
             ContainsSubstring("data.regression: auto: none, because theta is not a linear"));
  const auto obeyed = survey_of(0.5, data::RegressionKind::linear);
  CHECK_FALSE(obeyed.regression.empty());
  REQUIRE(obeyed.remarks.size() == 2);
  CHECK_THAT(obeyed.remarks[1], ContainsSubstring("more harm than good"));
  CHECK(survey_of(0.5, data::RegressionKind::none).remarks.empty());
}

TEST_CASE("a constant that is kept, and what is not explained, stay as they are", "[data][regression]") {
  constexpr int64_t rows = 400;
  core::Philox random(6, core::Purpose::test);
  std::vector<double> theta, x;
  for (int64_t row = 0; row < rows; ++row) {
    x.push_back(random.normal());
    theta.insert(theta.end(), {0, x.back() + 0.1 * random.normal(), random.normal()});
  }
  const auto fitted = data::fit_regression(*source_of(theta, x, rows), numbers(rows), plain(3), plain(1));
  CHECK(fitted.explained[0] == 0);
  CHECK(fitted.explained[2] == 0);
  for (const size_t k : {0, 2}) {
    CHECK(fitted.regression.offset[k] == 0);
    CHECK(fitted.regression.weights[k] == 0);
    CHECK(fitted.regression.scale[k] == 1);
  }
  CHECK(fitted.cut < 1);  // a constant has no ends
  CHECK_THAT(data::remark_of(fitted, {"a", "b", "c"}), ContainsSubstring("0 % of a, 9"));
}

TEST_CASE("a regression knows how often the ends of theta cut its residuals", "[data][regression]") {
  constexpr int64_t rows = 4000, size = 3;
  core::Philox random(5, core::Purpose::test);
  const auto cut = [&](double noise, bool uniform) {
    std::vector<double> theta, x;
    for (int64_t i = 0; i < rows * size; ++i) {
      theta.push_back(uniform ? 2 * random.uniform() - 1 : random.normal());
      x.push_back(theta.back() + noise * random.normal());
    }
    return data::fit_regression(*source_of(theta, x, rows), numbers(rows), plain(size), plain(size)).cut;
  };
  // Uniform on (-1, 1) and noise of .05: a tenth of the centres of each are within .1 of an end.
  CHECK_THAT(cut(0.05, true), WithinAbs(0.3, 0.05));
  CHECK(cut(0.5, true) > 1.5);
  CHECK(cut(0.5, false) < 0.1);  // normal: the largest of 4,000 lie far out
}

TEST_CASE("a regression needs rows and x", "[data][regression]") {
  const LinearRows made;
  CHECK_THROWS_WITH(
      data::fit_regression(*source_of(made.theta, made.x, made.rows), numbers(19), plain(2), plain(3)),
      ContainsSubstring("20 training rows or more, and there are 19"));
  const data::RowSource without_x(data::rows_of_nothing(made.rows), data::rows_of_nothing(made.rows));
  CHECK_THROWS_WITH(data::fit_regression(without_x, numbers(40), plain(0), plain(0)),
                    ContainsSubstring("there are 0; set data.regression: none"));
}
