// Every solver on the paths of every method, with the exact networks of Gaussian data.
#include <cmath>
#include <vector>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <catch2/catch_approx.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "core/error.hpp"
#include "sample/draw.hpp"
#include "sample/exact_network.hpp"
#include "sample/solver/runge_kutta.hpp"
#include "support/catch.hpp"

using namespace fluxsbi;
using Catch::Approx;
using test::Gaussian;
using test::PlainPath;

namespace {

at::Tensor random_normal(at::IntArrayRef shape, uint64_t seed) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return at::empty(shape, at::kDouble).normal_(0, 1, generator);
}

bool suits(const sample::SolverRow& row, const method::Path& path) {
  return sample::solver_problem(row, path, "any").empty();
}

// Where the deterministic equation takes x(start): on each axis the distance from the mean keeps its number
// of standard deviations.
at::Tensor exact_end(const Gaussian& data, const method::Path& path, const at::Tensor& x) {
  const auto total = [&](const method::Level& level) {
    return level.signal.square() * data.variances() + level.noise.square();
  };
  const method::Level first = path.level(at::full({1}, path.start(), at::kDouble)),
                      last = path.level(at::full({1}, path.end(), at::kDouble));
  const at::Tensor z = data.to_axes(x - first.signal * data.centre());
  return last.signal * data.centre() + data.from_axes(z * (total(last) / total(first)).sqrt());
}

}  // namespace

TEST_CASE("deterministic solvers converge on every path at the order that their rows state",
          "[sample][solver][path]") {
  const auto& row = GENERATE(from_range(sample::solvers()));
  const std::string name = GENERATE(from_range(test::method_names()));
  if (row.stochastic || row.adaptive) return;
  CAPTURE(row.name, name);
  const Gaussian data;
  const PlainPath path(test::method_named(name)->path());
  const sample::PathEquation equation(path, data.network(path));
  const at::Tensor start = equation.initial(random_normal({50, 2, 1}, 1)), end = exact_end(data, path, start);
  const auto error = [&](int64_t steps) {
    std::unique_ptr<sample::Stepper> stepper;
    if (row.tableau) {
      stepper = std::make_unique<sample::RungeKutta>(*row.tableau, equation);
    } else {
      stepper = row.stepper(equation, row, {});
    }
    return (sample::take_steps(*stepper, equation, start, steps) - end).abs().max().item<double>();
  };
  const double order = std::log2(error(200) / error(400));
  CHECK(order > row.order - 0.4);  // vp's grid is coarse near the data, where its order shows late
}

TEST_CASE("every solver ends with the mean and covariance of the data", "[sample][solver][path]") {
  const auto& row = GENERATE(from_range(sample::solvers()));
  const std::string name = GENERATE(from_range(test::method_names()));
  const Gaussian data;
  const PlainPath path(test::method_named(name)->path());
  if (!suits(row, path)) return;
  CAPTURE(row.name, name);
  const int64_t n = 4000;
  const sample::PathEquation equation(path, data.network(path));
  uint64_t seed = 7;
  sample::SolverOptions options;
  // Euler and the stochastic solvers need the steps; the others are as near with a third of them.
  options.steps = row.order > 1 && !row.stochastic ? 100 : 400;
  options.normal = [&] { return random_normal({n, 2, 1}, ++seed); };
  const auto result =
      sample::sample_path(row, equation, equation.initial(random_normal({n, 2, 1}, 1)), options);
  REQUIRE_FALSE(result.failed.any().item<bool>());
  const at::Tensor mean = result.x.mean(0, true), apart = (result.x - mean).squeeze(2);
  const at::Tensor covariance = at::matmul(apart.t(), apart) / static_cast<double>(n);
  // Five standard errors: 1.6 % of a deviation for a mean, 2.2 % of a variance; and up to 2 % that
  // first-order steps cost, and ve's start without the data's mean.
  const at::Tensor exact = data.covariance(), scale = exact.diagonal().sqrt();
  CHECK(((mean - data.centre()).view(-1) / scale).abs().max().item<double>() < 0.1);
  CHECK(((covariance - exact) / at::outer(scale, scale)).abs().max().item<double>() <
        (row.name == "euler" ? 0.17 : 0.13));  // ve's noise falls by 3 % a step: euler loses half of that
}

// A path that ends at noise level s starts without the data's mean, and samples lie mean / s of their
// deviations nearer to 0.
TEST_CASE("samples of data far from 0 have their mean by every method's defaults", "[sample][solver][path]") {
  const std::string name = GENERATE(from_range(test::method_names()));
  CAPTURE(name);
  Gaussian data;
  data.mean = {2.5, -2.5};
  data.widths = {0.2, 0.3};
  const auto method = test::method_named(name);
  const PlainPath path(method->path());
  const sample::PathEquation equation(path, data.network(path));
  sample::SolverOptions options;
  options.steps = 100;
  const at::Tensor start = equation.initial(at::zeros({1, 2, 1}, at::kDouble));  // the median of all draws
  const auto& row = sample::find_solver(method->default_solver());
  const at::Tensor error = sample::sample_path(row, equation, start, options).x - data.centre();
  CHECK((data.to_axes(error) / data.variances().sqrt()).abs().max().item<double>() < 0.06);
}

TEST_CASE("the amount of noise leaves the distribution as it is, and none is the deterministic equation",
          "[sample][solver][path]") {
  const std::string name = GENERATE("flow", "edm", "score_vp");
  const Gaussian data;
  const PlainPath path(test::method_named(name)->path());
  const sample::PathEquation equation(path, data.network(path));
  const int64_t n = 4000;
  const at::Tensor start = equation.initial(random_normal({n, 2, 1}, 1));
  const auto end = [&](const std::string& solver, double amount) {
    uint64_t seed = 7;
    sample::SolverOptions options;
    options.steps = 400;
    options.noise.amount = amount;
    options.normal = [&] { return random_normal({n, 2, 1}, ++seed); };
    return sample::sample_path(sample::find_solver(solver), equation, start, options).x;
  };
  const at::Tensor euler = end("euler", 1);
  CHECK((end("euler_maruyama", 0) - euler).abs().max().item<double>() < 1e-9);  // rounding of 400 steps
  const at::Tensor half = end("euler_maruyama", 0.5);
  CHECK((half - euler).abs().max().item<double>() > 0.1);
  CHECK(half.std(0).view(-1).allclose(data.covariance().diagonal().sqrt(), 0.06));
}

TEST_CASE("without churn edm_heun is heun, and noise levels outside the range are left alone",
          "[sample][solver][edm]") {
  const auto path = test::method_named("edm")->path();
  const sample::PathEquation equation(
      *path, [](const at::Tensor&, const at::Tensor& x, const at::Tensor&) { return at::tanh(x); });
  const at::Tensor start = equation.initial(random_normal({5, 3, 1}, 2));
  const auto end = [&](const std::string& solver, const sample::NoiseOptions& noise) {
    sample::SolverOptions options;
    options.steps = 18;
    options.noise = noise;
    options.normal = [] { return random_normal({5, 3, 1}, 3); };
    return sample::sample_path(sample::find_solver(solver), equation, start, options).x;
  };
  const at::Tensor heun = end("heun", {});
  CHECK(end("edm_heun", {1, 0.16, 0}).equal(heun));
  CHECK(end("edm_heun", {1, 0.16, 30, 100, 200}).equal(heun));
  CHECK_FALSE(end("edm_heun", {1, 0.16, 30}).allclose(heun, 1e-3));
}

TEST_CASE("a solver that the method cannot use is refused with those that it can", "[sample][solver]") {
  const auto flow = test::method_named("flow")->path(), edm = test::method_named("edm")->path();
  const std::string problem = sample::solver_problem(sample::find_solver("edm_heun"), *flow, "flow");
  CHECK(problem.find("edm_heun") != std::string::npos);
  CHECK(problem.find("zero_ends") != std::string::npos);
  CHECK(sample::solver_problem(sample::find_solver("zero_ends"), *edm, "diffusion").find("edm_heun") !=
        std::string::npos);
  CHECK(sample::solver_problem(sample::find_solver("zero_ends"), *flow, "flow").empty());
}

TEST_CASE("every method draws a posterior of the right mean and deviation by its own solver",
          "[sample][draw][path]") {
  const std::string name = GENERATE(from_range(test::method_names()));
  CAPTURE(name);
  class Plain : public test::MethodOf {
   public:
    using MethodOf::MethodOf;
    std::unique_ptr<method::Path> path() const override {
      return std::make_unique<PlainPath>(inner_->path());
    }
  };
  const Plain method(test::method_named(name));
  const Gaussian data;
  const auto path = method.path();
  const data::Standardiser theta{{10, 10}, {2, 2}};
  sample::Source source;
  source.method = &method;
  source.bind = [&](std::span<const int64_t>) { return sample::Bound{data.network(*path)}; };
  source.frame = sample::Frame(theta);
  source.tokens = source.kept = 2;
  const auto samples = sample::draw(source, {1, 4000, 5, 0, 1000}, {});
  CHECK(samples.unfilled() == 0);
  const at::Tensor values = at::tensor(samples.values, at::kDouble).view({4000, 2});
  // 4000 numbers: standard errors of 1.6 % of a deviation and 1.1 %; default steps widen by 1 to 2 %.
  const at::Tensor deviations = data.covariance().diagonal().sqrt();
  CHECK(((values.mean(0) - 10 - 2 * data.centre().view(-1)) / (2 * deviations)).abs().max().item<double>() <
        0.08);
  CHECK((values.std(0) / (2 * deviations) - 1).abs().max().item<double>() < 0.07);
}
