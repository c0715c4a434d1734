// Optimal-transport pairs of noise and data in flow matching.
#include <cmath>
#include <limits>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>

#include "method/coupling.hpp"
#include "method/flow_matching.hpp"
#include "support/catch.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr int64_t rows = 128;

method::FlowMatching coupled(double weight) {
  method::FlowMatchingOptions options;
  options.time_distribution = method::TimeDistribution::uniform;
  options.coupling = method::Coupling::optimal_transport;
  options.coupling_condition_weight = weight;
  return method::FlowMatching(options);
}

// Data of two tokens around their condition: c + 0.5 e, where c is 1 or -1, or standard normal.
struct Draws {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(3);
  bool two_values = true;

  at::Tensor normal(at::IntArrayRef shape) { return at::empty(shape).normal_(0, 1, generator); }
  method::Batch batch() {
    at::Tensor c = normal({rows, 1, 1});
    if (two_values) c = c.sign();
    return {c + 0.5 * normal({rows, 2, 1}), c, {}, {}};
  }
  method::Noise noise() { return {normal({rows, 2, 1}), at::zeros({rows})}; }  // time 0: the path is noise
};

struct Pairs {
  at::Tensor noise, data, cond;  // [n, 2], [n, 2], [n]
};

Pairs pairs_of(const method::FlowMatching& flow, Draws draws, int64_t batches) {
  std::vector<at::Tensor> noise, data, cond;
  for (int64_t i = 0; i < batches; ++i) {
    const method::Batch batch = draws.batch();
    const auto problem = flow.regression(batch, draws.noise());
    noise.push_back(problem.inputs.obs.squeeze(2));
    data.push_back((problem.target + problem.inputs.obs).squeeze(2));
    cond.push_back(problem.inputs.cond.view(-1));
  }
  return {at::cat(noise), at::cat(data), at::cat(cond)};
}

double correlation(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a - a.mean(), y = b - b.mean();
  return ((x * y).mean() / (x.square().mean() * y.square().mean()).sqrt()).item<double>();
}

// Mean and deviation of the noise of the rows with c = 1, in standard errors from 0 and 1; the larger.
double deviates(const Pairs& pairs) {
  const at::Tensor noise = pairs.noise.index({pairs.cond > 0}).flatten();
  const auto n = static_cast<double>(noise.numel());
  return std::max(std::abs(noise.mean().item<double>()) * std::sqrt(n),
                  std::abs(noise.std().item<double>() - 1) * std::sqrt(2 * n));
}

}  // namespace

TEST_CASE(
    "given the condition paired noise stays standard normal where the condition weighs much, and does not "
    "where it weighs nothing",
    "[method][coupling]") {
  const Pairs heavy = pairs_of(coupled(1e4), {}, 40), none = pairs_of(coupled(0), {}, 40);
  CHECK(deviates(heavy) < 4.5);  // standard errors
  CHECK(deviates(none) > 20);
  // Rows of the same condition have traded their noise.
  const at::Tensor apart = heavy.data - heavy.cond.view({-1, 1});
  CHECK(correlation(apart, heavy.noise) > 0.7);
}

TEST_CASE("noise and a continuous condition grow independent with the weight", "[method][coupling]") {
  Draws draws;
  draws.two_values = false;
  double before = 1;
  for (const double weight : {0.0, 1.0, 10.0, 100.0}) {
    const Pairs pairs = pairs_of(coupled(weight), draws, 40);
    const double now = correlation(pairs.noise.mean(1), pairs.cond);
    CAPTURE(weight, now,
            correlation(pairs.noise.flatten(), (pairs.data - pairs.cond.view({-1, 1})).flatten()));
    CHECK(now < before);
    before = now;
  }
  CHECK(before < 0.05);
}

TEST_CASE("a batch's noise is paired at the least cost and none of it is lost", "[method][coupling]") {
  Draws draws;
  const method::Batch batch = draws.batch();
  const at::Tensor noise = draws.noise().normal;
  const at::Tensor paired = method::couple(noise, batch, 0);
  const auto sorted = [](const at::Tensor& x) { return std::get<0>(x.flatten().sort()); };
  CHECK(sorted(paired).equal(sorted(noise)));
  const auto cost = [&](const at::Tensor& x) { return (x - batch.obs).square().sum().item<double>(); };
  CHECK(cost(paired) < 0.5 * cost(noise));
  for (int64_t shift = 1; shift < rows; ++shift) CHECK(cost(paired) <= cost(paired.roll(shift, 0)));
}

TEST_CASE("paired noise makes one Euler step from the noise go to the data, where its own goes to their mean",
          "[method][coupling]") {
  // At t = 0 the best velocity is E[x1 | x0] - x0, so the step ends at E[x1 | x0], found here by least
  // squares.
  Draws draws;
  draws.two_values = false;
  method::FlowMatchingOptions uniform;
  uniform.time_distribution = method::TimeDistribution::uniform;
  const auto spread = [&](const method::FlowMatching& flow) {
    const Pairs pairs = pairs_of(flow, draws, 40);
    const at::Tensor slope = std::get<0>(at::linalg_lstsq(pairs.noise, pairs.data));
    return (at::matmul(pairs.noise, slope).std(0) / pairs.data.std(0)).min().item<double>();
  };
  CHECK(spread(method::FlowMatching(uniform)) < 0.05);
  CHECK(spread(coupled(0)) > 0.9);
}

TEST_CASE("absent elements of a condition count as its mean", "[method][coupling]") {
  Draws draws;
  method::Batch batch = draws.batch(), filled = batch;
  batch.cond = batch.cond.clone();
  batch.cond.slice(0, 0, 9) = std::numeric_limits<double>::quiet_NaN();
  filled.cond = batch.cond.nan_to_num(0);
  const at::Tensor noise = draws.noise().normal;
  CHECK(method::couple(noise, batch, 3).equal(method::couple(noise, filled, 3)));
}

TEST_CASE("trainings that cannot pair noise and data are refused with a remedy", "[method][coupling]") {
  const method::FlowMatching flow = coupled(10), plain({});
  const method::Setting joint{true, 256, at::kCPU}, device{false, 256, at::Device(at::kCUDA, 0)},
      large{false, 4096, at::kCPU};
  CHECK(flow.problem({false, 1024, at::kCPU}).empty());
  CHECK_THAT(flow.problem(joint), ContainsSubstring("strategy.coupling") && ContainsSubstring("flux1"));
  CHECK_THAT(flow.problem(device), ContainsSubstring("--device cpu"));
  CHECK_THAT(flow.problem(large), ContainsSubstring("4096") && ContainsSubstring("training.multistep"));
  for (const auto& setting : {joint, device, large}) CHECK(plain.problem(setting).empty());
}
