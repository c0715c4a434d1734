// Any conditional of a joint distribution that is known: a Gaussian, its exact velocity in place of a
// network.
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <vector>

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <catch2/generators/catch_generators.hpp>

#include "core/error.hpp"
#include "method/flow_matching.hpp"
#include "sample/draw.hpp"
#include "sample/fields.hpp"
#include "sample/joint_condition.hpp"
#include "sample/joint_gaussian.hpp"
#include "sample/solver/solver.hpp"
#include "support/catch.hpp"

using namespace fluxsbi;
using namespace fluxsbi::test;

namespace {

// Float32 products over batches of another size, through a few dozen evaluations.
constexpr double joint_tolerance = 1e-5;

struct Toy {
  method::FlowMatching flow{{}};
  GaussianEngine engine;
  std::unique_ptr<data::Prior> prior;
  std::vector<double> given = questions;

  sample::Samples draw(int64_t draws, int64_t chunk, sample::SamplingOptions options = {}, int64_t first = 0,
                       int64_t kept = tokens) {
    const int64_t count = std::ssize(given) / tokens;
    const sample::JointCondition condition(given, count, tokens, 1, units, at::kCPU);
    sample::Source source;
    source.method = &flow;
    source.bind = [&](std::span<const int64_t> chosen) { return condition.bind(engine, chosen); };
    source.frame = sample::Frame(units);
    source.prior = prior.get();
    source.tokens = tokens;
    source.kept = kept;
    source.given = given;
    return sample::draw(source, {count, draws, 7, first, chunk}, options);
  }
};

sample::SamplingOptions with_solver(const std::string& solver) {
  sample::SamplingOptions options;
  options.solver = solver;
  options.steps = 12;
  return options;
}

// [rows, draws, tokens] float64
at::Tensor tensor_of(const sample::Samples& samples) {
  return at::tensor(samples.values, at::kDouble).view({samples.rows, samples.draws, samples.tokens});
}

double largest_difference(const sample::Samples& a, const sample::Samples& b) {
  return (tensor_of(a) - tensor_of(b)).abs().max().item<double>();
}

}  // namespace

TEST_CASE("samples under any blanks have the conditional's mean and covariance", "[sample][given]") {
  const std::string solver = GENERATE("rk4", "dopri5");
  Toy toy;
  const int64_t draws = 4000;
  const auto samples = toy.draw(draws, 5000, with_solver(solver));
  REQUIRE(samples.unfilled() == 0);
  const at::Tensor scale = at::tensor(units.scale, at::kDouble), mean = at::tensor(units.mean, at::kDouble);
  for (int64_t row = 0; row < test::rows; ++row) {
    CAPTURE(solver, row);
    const at::Tensor question = at::tensor(
        std::vector<double>(questions.begin() + row * tokens, questions.begin() + (row + 1) * tokens),
        at::kDouble);
    const Conditional expected(question.isnan().logical_not());
    const at::Tensor clean = ((question - mean) / scale).nan_to_num(0).unsqueeze(0);
    const at::Tensor open = ((tensor_of(samples)[row] - mean) / scale).index_select(1, expected.open);
    const at::Tensor spread = expected.spread, deviation = spread.diagonal().sqrt();
    const at::Tensor error = (open.mean(0) - expected.mean_of(clean).view(-1)).abs() / deviation;
    CHECK(error.max().item<double>() < 5 / std::sqrt(static_cast<double>(draws)));
    // The standard error of a normal sample's covariance is at most sqrt(2 / n) of the deviations' product.
    const at::Tensor difference = (at::cov(open.t()).view(spread.sizes()) - spread).abs() /
                                  (deviation.unsqueeze(0) * deviation.unsqueeze(1));
    CHECK(difference.max().item<double>() < 5 * std::sqrt(2.0 / static_cast<double>(draws)));
  }
}

TEST_CASE("what is given is repeated in the samples bit by bit", "[sample][given]") {
  Toy toy;
  toy.given = {0.1F, blank, 1e-30F, -0.0F};
  const auto samples = toy.draw(9, 4, with_solver("rk4"));
  for (size_t i = 0; i < samples.values.size(); ++i) {
    const size_t j = i % tokens;
    if (j == 1) continue;
    CHECK(samples.values[i] == toy.given[j]);
    CHECK(std::signbit(samples.values[i]) == std::signbit(toy.given[j]));
  }
}

TEST_CASE("a row's samples depend on neither chunks nor the other rows and their blanks", "[sample][given]") {
  const auto options = with_solver(GENERATE("rk4", "dopri5"));
  const double tolerance = options.solver == "dopri5" ? 20 * joint_tolerance : joint_tolerance;
  Toy toy;
  const auto all = toy.draw(11, 44, options);
  for (const int64_t chunk : {1, 7}) CHECK(largest_difference(toy.draw(11, chunk, options), all) < tolerance);
  for (int64_t row = 0; row < test::rows; ++row) {
    Toy one;
    one.given.assign(questions.begin() + row * tokens, questions.begin() + (row + 1) * tokens);
    const at::Tensor alone = tensor_of(one.draw(11, 44, options, row))[0];
    CHECK((alone - tensor_of(all)[row]).abs().max().item<double>() < tolerance);
  }
}

TEST_CASE("of a posterior question the theta tokens alone are kept", "[sample][given]") {
  Toy toy;
  const auto whole = toy.draw(5, 20), theta = toy.draw(5, 20, {}, 0, 2);
  CHECK(theta.tokens == 2);
  CHECK(tensor_of(theta).equal(tensor_of(whole).slice(2, 0, 2)));
}

TEST_CASE("rejection looks at inferred theta alone", "[sample][given][reject]") {
  Toy toy;
  toy.prior = data::make_prior({data::PriorKind::box, {2, -2}, {10, -1}, {}, {}}, 2);
  toy.given = {1.5F, blank, 3, blank};  // theta_0 is given, outside
  const auto samples = toy.draw(200, 64, with_solver("rk4"));
  CHECK(samples.unfilled() == 0);
  CHECK(samples.acceptance() < 1);
  const at::Tensor theta_1 = tensor_of(samples).select(2, 1);
  CHECK(theta_1.min().item<double>() >= -2);
  CHECK(theta_1.max().item<double>() <= -1);
}

TEST_CASE("given fractions of a simplex bound the inferred ones", "[sample][given][reject]") {
  Toy toy;
  data::PriorOptions options;
  options.kind = data::PriorKind::parameters;
  options.parameters = data::PriorParts{{{"dirichlet", {}, {{"concentration", {1, 1, 1}}}}}};
  toy.prior = data::make_prior(options, 2);
  toy.given = {blank, 0.25F, 1.5F, blank};  // theta_0 is then near 1.1 with a standard deviation of 1.15
  const auto samples = toy.draw(200, 64, with_solver("rk4"));
  REQUIRE(samples.unfilled() == 0);
  const at::Tensor theta_0 = tensor_of(samples).select(2, 0);
  CHECK(theta_0.min().item<double>() >= 0);
  CHECK(theta_0.max().item<double>() <= 0.75 + 1e-6);
  CHECK(theta_0.max().item<double>() > 0.7);
}

TEST_CASE("a method may scale its input: given tokens reach the network clean", "[sample][given]") {
  // A path that hands the network ten times its state, as diffusion's c_in does.
  class Scaling : public test::ChangedPath {
   public:
    using ChangedPath::ChangedPath;
    method::Query query(const at::Tensor& t) const override { return {t, at::full_like(t, 10)}; }
  };
  class ScaledFlow : public method::FlowMatching {
   public:
    using method::FlowMatching::FlowMatching;
    std::unique_ptr<method::Path> path() const override {
      return std::make_unique<Scaling>(method::FlowMatching::path());
    }
  };
  GaussianEngine engine;
  const std::vector<double> given{blank, blank, 6, -2.5F};
  const sample::JointCondition condition(given, 1, tokens, 1, units, at::kCPU);
  const ScaledFlow method{method::FlowMatchingOptions{}};
  const sample::Source source = source_of(method, engine, condition, given);
  sample::draw(source, {1, 3, 0, 0, 3}, with_solver("euler"));
  CHECK(engine.last.obs.select(1, 2).equal(at::full({3, 1}, 2.0F)));             // (6 - 3) / 1.5
  CHECK(engine.last.obs.select(1, 3).equal(at::full({3, 1}, -1.0F)));            // (-2.5 - 0.5) / 3
  CHECK(engine.last.condition_mask.sizes() == at::IntArrayRef({1, tokens, 1}));  // one row serves all
}

TEST_CASE("masks are listed once each, and channels are given as a whole", "[sample][given]") {
  const sample::JointCondition condition(questions, test::rows, tokens, 1, units, at::kCPU);
  CHECK(condition.masks().size() == 4);
  CHECK(condition.mask_of(1) == sample::GivenMask{1, 1, 0, 0});
  const std::vector<double> torn{1, blank, 2, 3};
  CHECK_THROWS_AS(sample::JointCondition(torn, 1, 2, 2, units, at::kCPU), core::InternalError);
}

TEST_CASE("tokens that stand still do not loosen an adaptive solver's error", "[sample][given][solver]") {
  // Two elements that turn fast, alone and among 30 that stand still.
  const auto drift = [](const at::Tensor& t, const at::Tensor& x, const at::Tensor&) {
    at::Tensor out = at::zeros_like(x);
    out.slice(1, 0, 2).copy_(at::cos(20 * t.view({-1, 1, 1})) * (2 + x.slice(1, 0, 2)));
    return out;
  };
  const test::AnalyticField field(drift, 0, 1);
  const auto& solver = sample::find_solver("dopri5");
  const at::Tensor start = at::linspace(-1, 1, 10).view({5, 2, 1});
  const auto alone = sample::solve(solver, field, start, {});
  sample::SolverOptions options;
  options.moving = at::full({5}, 2.0 / 32, at::kDouble);
  const auto among = sample::solve(solver, field, at::constant_pad_nd(start, {0, 0, 0, 30}), options);
  CHECK(among.evaluations == alone.evaluations);
  CHECK(at::allclose(among.x.slice(1, 0, 2), alone.x, 1e-5, 1e-6));
  CHECK(sample::solve(solver, field, at::constant_pad_nd(start, {0, 0, 0, 30}), {}).evaluations <
        alone.evaluations);
}
