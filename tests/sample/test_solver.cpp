#include <cmath>
#include <limits>
#include <vector>

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/where.h>
#include <catch2/catch_approx.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include "core/error.hpp"
#include "sample/fields.hpp"
#include "sample/solver/runge_kutta.hpp"
#include "support/catch.hpp"

using namespace fluxsbi;
using sample::find_solver;
using test::AnalyticField;

namespace {

// Smooth and bounded in both directions of time, without symmetries that would lift a solver's order.
at::Tensor wave(const at::Tensor& t, const at::Tensor& x, const at::Tensor&) {
  return (2 * x + 3 * t.view({-1, 1, 1})).cos() + 0.3 * x;
}

at::Tensor starts(at::ScalarType dtype = at::kDouble) {
  return at::linspace(0.2, 1.7, 6, dtype).view({2, 3, 1});
}

double distance(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

// The solution to near rounding error, by many fourth-order steps.
at::Tensor steps_of(const sample::Tableau& tableau, const sample::Equation& field, const at::Tensor& x,
                    int64_t steps) {
  sample::RungeKutta stepper(tableau, field);
  return sample::take_steps(stepper, field, x, steps);
}

at::Tensor exact_end(const sample::Equation& field, const at::Tensor& x) {
  return steps_of(sample::rk4_tableau, field, x, 4000);
}

// The solvers that need no path.
std::vector<sample::SolverRow> runge_kutta() {
  std::vector<sample::SolverRow> rows;
  for (const auto& row : sample::solvers()) {
    if (row.tableau) rows.push_back(row);
  }
  return rows;
}

// Rows of very different stiffness: dx/dt = -rate (x - cos t), rate 1 ... 300.
at::Tensor rates(int64_t n) {
  return at::linspace(0, std::log(300.0), n, at::kDouble).exp().to(at::kFloat).view({-1, 1, 1});
}

AnalyticField stiff_rows(const at::Tensor& rate) {
  return {[rate](const at::Tensor& t, const at::Tensor& x, const at::Tensor& rows) {
            const at::Tensor own = rows.defined() ? rate.index_select(0, rows) : rate;
            return own * (t.cos().view({-1, 1, 1}) - x);
          },
          0, 1};
}

}  // namespace

TEST_CASE("every solver converges at the order that its row states", "[sample][solver]") {
  const auto row = GENERATE(from_range(runge_kutta()));
  const bool backwards = GENERATE(false, true);
  CAPTURE(row.name, backwards);
  const AnalyticField field(wave, backwards ? 1.5 : 0, backwards ? 0 : 1.5);
  const at::Tensor end = exact_end(field, starts());
  const auto error = [&](int64_t steps) {
    return distance(steps_of(*row.tableau, field, starts(), steps), end);
  };
  const double measured = std::log2(error(64) / error(128));
  CHECK(measured == Catch::Approx(row.order).margin(0.25));  // of order h at these step sizes
}

TEST_CASE("the coefficients of every tableau meet the conditions of consistency", "[sample][solver]") {
  const auto row = GENERATE(from_range(runge_kutta()));
  CAPTURE(row.name);
  const sample::Tableau& tableau = *row.tableau;
  constexpr double rounding = 1e-14;
  double sum = 0;
  for (const double b : tableau.b) sum += b;
  CHECK(std::abs(sum - 1) < rounding);
  for (int i = 1; i < tableau.stages(); ++i) {
    double c = -tableau.c[static_cast<size_t>(i)];
    for (const double a : tableau.row(i)) c += a;
    CHECK(std::abs(c) < rounding);
  }
  double difference = 0;
  for (const double e : tableau.e) difference += e;
  CHECK(std::abs(difference) < rounding);
}

TEST_CASE("dopri5 keeps its error in proportion to the tolerance", "[sample][dopri5]") {
  const bool backwards = GENERATE(false, true);
  const AnalyticField field(wave, backwards ? 1 : 0, backwards ? 0 : 1);
  const at::Tensor end = exact_end(field, starts());
  int64_t evaluations = 0;
  for (const double tolerance : {1e-5, 1e-7, 1e-9}) {
    sample::SolverOptions options;
    options.atol = options.rtol = tolerance;
    const auto result = sample::solve(find_solver("dopri5"), field, starts(), options);
    CHECK_FALSE(result.failed.any().item<bool>());
    CHECK(distance(result.x, end) < 20 * tolerance);  // errors of the steps add up and grow with the flow
    CHECK(result.evaluations > evaluations);
    evaluations = result.evaluations;
  }
}

TEST_CASE("dopri5 solves rows of different stiffness together and each at its own pace", "[sample][dopri5]") {
  const int64_t n = 9;
  const auto field = stiff_rows(rates(n));
  const at::Tensor x = at::linspace(-1, 2, n * 2, at::kFloat).view({n, 2, 1});
  const auto together = sample::solve(find_solver("dopri5"), field, x, {});
  CHECK_FALSE(together.failed.any().item<bool>());
  int64_t least = together.evaluations;
  for (int64_t row = 0; row < n; ++row) {
    const auto alone_field = stiff_rows(rates(n).slice(0, row, row + 1));
    const auto alone = sample::solve(find_solver("dopri5"), alone_field, x.slice(0, row, row + 1), {});
    CHECK(alone.x[0].equal(together.x[row]));
    least = std::min(least, alone.evaluations);
  }
  CHECK(least * 3 < together.evaluations);
}

TEST_CASE("dopri5 tells which rows are left in the batch", "[sample][dopri5]") {
  const at::Tensor rate = rates(5);
  int64_t smallest = 5;
  const AnalyticField field(
      [&](const at::Tensor& t, const at::Tensor& x, const at::Tensor& rows) {
        const at::Tensor own = rows.defined() ? rate.index_select(0, rows) : rate;
        CHECK(own.size(0) == x.size(0));
        CHECK(t.size(0) == x.size(0));
        smallest = std::min(smallest, x.size(0));
        return own * (1 - x);
      },
      0, 1);
  sample::solve(find_solver("dopri5"), field, at::randn({5, 1, 1}), {});
  CHECK(smallest == 1);
}

TEST_CASE("a row that becomes non-finite fails alone", "[sample][solver]") {
  const auto row = GENERATE(from_range(runge_kutta()));
  CAPTURE(row.name);
  const AnalyticField field(
      [](const at::Tensor& t, const at::Tensor& x, const at::Tensor& rows) {
        const at::Tensor number = rows.defined() ? rows : at::arange(x.size(0));
        const at::Tensor bad = (number == 1).logical_and(t > 0.5).view({-1, 1, 1});
        return at::where(bad, at::full_like(x, std::numeric_limits<double>::quiet_NaN()), -x);
      },
      0, 1);
  const auto result = sample::solve(row, field, at::full({3, 2, 1}, 1.0, at::kFloat), {});
  CHECK(result.failed[1].item<bool>());
  CHECK_FALSE(result.exhausted.any().item<bool>());
  CHECK(result.x[1].isnan().all().item<bool>());
  for (const int64_t good : {0, 2}) {
    CHECK_FALSE(result.failed[good].item<bool>());
    CHECK(distance(result.x[good], at::full({2, 1}, std::exp(-1.0))) < 5e-3);  // euler's 100 steps
  }
}

TEST_CASE("dopri5 gives rows up whose evaluations run out and keeps the others", "[sample][dopri5]") {
  sample::SolverOptions options;
  options.max_evaluations = 60;
  const auto result = sample::solve(find_solver("dopri5"), stiff_rows(rates(5)),
                                    at::full({5, 1, 1}, 3.0, at::kFloat), options);
  CHECK(result.evaluations <= 60);
  CHECK_FALSE(result.failed[0].item<bool>());
  CHECK(result.failed[4].item<bool>());
  CHECK(result.exhausted.equal(result.failed));
  CHECK(result.x[4].isnan().all().item<bool>());
}

TEST_CASE("every solver carries noise to a Gaussian of the right mean and deviation",
          "[sample][solver][flow]") {
  const auto row = GENERATE(from_range(runge_kutta()));
  CAPTURE(row.name);
  const at::Tensor mean = at::full({1, 1, 1}, 1.5, at::kFloat), std = at::full({1, 1, 1}, 0.3, at::kFloat);
  const AnalyticField field([&](const at::Tensor& t, const at::Tensor& x,
                                const at::Tensor&) { return test::gaussian_velocity(t, x, mean, std); },
                            0, 1);
  const at::Tensor noise = at::linspace(-3, 3, 101, at::kFloat).view({101, 1, 1});
  const auto result = sample::solve(row, field, noise, {});
  // The flow is x0 -> mean + std x0; euler's 100 steps miss by 0.017 at three deviations.
  const double allowed = row.order == 1 ? 2.5e-2 : 1e-3;
  CHECK(distance(result.x, mean + std * noise) < allowed);
  CHECK(result.evaluations >= row.evaluations_per_step);
}

TEST_CASE("the number of steps is the user's where one is given", "[sample][solver]") {
  const AnalyticField field(wave, 0, 1);
  for (const auto& row : runge_kutta()) {
    if (row.adaptive) continue;
    sample::SolverOptions options;
    CHECK(sample::solve(row, field, starts(), options).evaluations ==
          row.default_steps * row.evaluations_per_step);
    options.steps = 7;
    CHECK(sample::solve(row, field, starts(), options).evaluations == 7 * row.evaluations_per_step);
  }
}

TEST_CASE("auto leaves the solver to the method, every other choice is a row", "[sample][solver]") {
  CHECK(sample::chosen_solver("auto") == nullptr);
  for (const std::string& choice : sample::solver_choices()) {
    if (choice == "auto") continue;
    REQUIRE(sample::chosen_solver(choice) != nullptr);
    CHECK(sample::chosen_solver(choice)->name == choice);
  }
  CHECK_THROWS_AS(sample::chosen_solver("dopri"), core::UserError);
}

TEST_CASE("an unknown solver is answered with the nearest name", "[sample][solver]") {
  CHECK_THROWS_AS(find_solver("dopri"), core::UserError);
  CHECK_THROWS_WITH(find_solver("dopri"), Catch::Matchers::ContainsSubstring("dopri5"));
  CHECK_THROWS_WITH(find_solver("xyz"), Catch::Matchers::ContainsSubstring("euler, midpoint, heun, rk4"));
}
