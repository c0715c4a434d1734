#include <cmath>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <catch2/catch_approx.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "method/flow_matching.hpp"
#include "method/numbers.hpp"
#include "support/catch.hpp"
#include "support/enum_named.hpp"

using namespace fluxsbi;
using Catch::Approx;
using test::even_uniform, test::number_at, test::weighted_loss;

namespace {

// float32 sums of a few hundred terms of order one
constexpr double flow_tolerance = 2e-6;

method::FlowMatching flow(const std::string& distribution, double alpha = 1, double mean = 0,
                          double std = 1) {
  return method::FlowMatching({test::enum_named<method::TimeDistribution>(distribution), alpha, mean, std});
}

}  // namespace

TEST_CASE("the path, target and loss of flow matching are those computed by hand", "[method][flow]") {
  // One row, two tokens: x0 = (1, -1), x1 = (3, 2), u = t = 1/4. x_t = 3/4 x0 + 1/4 x1; target x1 - x0.
  const method::Batch batch{at::tensor({3.f, 2.f}).view({1, 2, 1}), {}, {}, {}};
  const method::Noise noise{at::tensor({1.f, -1.f}).view({1, 2, 1}), at::tensor({0.25f})};
  const auto problem = flow("uniform").regression(batch, noise);
  CHECK(problem.inputs.t.item<double>() == 0.25);
  CHECK(problem.inputs.obs.view(-1)[0].item<double>() == Approx(1.5));
  CHECK(problem.inputs.obs.view(-1)[1].item<double>() == Approx(-0.25));
  CHECK(problem.target.view(-1)[0].item<double>() == 2);
  CHECK(problem.target.view(-1)[1].item<double>() == 3);
  // A network that says 1: ((1 - 2)^2 + (1 - 3)^2) / 2 = 2.5.
  CHECK(weighted_loss(problem, at::ones({1, 2, 1})) == Approx(2.5));
}

TEST_CASE("the loss is the mean over rows of the mean over unconditioned elements", "[method][flow]") {
  const int64_t rows = 3, tokens = 4, channels = 2;
  const method::Batch all{at::randn({rows, tokens, channels}), {}, {}, {}};
  const method::Noise noise{at::randn({rows, tokens, channels}), at::rand({rows})};
  const at::Tensor output = at::randn({rows, tokens, channels});
  at::Tensor mask = at::zeros({rows, tokens, 1}, at::kBool);
  mask[0][1] = true;
  mask[1].slice(0, 0, 3) = true;
  method::Batch masked = all;
  masked.condition_mask = mask;

  const at::Tensor square = (output - (all.obs - noise.normal)).square();
  CHECK(weighted_loss(flow("power_law").regression(all, noise), output) ==
        Approx(square.mean().item<double>()).epsilon(flow_tolerance));
  double expected = 0;
  for (int64_t row = 0; row < rows; ++row) {
    double sum = 0, count = 0;
    for (int64_t token = 0; token < tokens; ++token) {
      if (mask[row][token].item<bool>()) continue;
      sum += square[row][token].sum().item<double>();
      count += static_cast<double>(channels);
    }
    expected += sum / count / static_cast<double>(rows);
  }
  const auto problem = flow("power_law").regression(masked, noise);
  CHECK(weighted_loss(problem, output) == Approx(expected).epsilon(flow_tolerance));
  // Conditioned tokens are fed clean, the others are on the path.
  CHECK(problem.inputs.obs[1].slice(0, 0, 3).equal(all.obs[1].slice(0, 0, 3)));
  CHECK_FALSE(problem.inputs.obs[1][3].equal(all.obs[1][3]));
}

TEST_CASE("a row that is conditioned on entirely adds nothing to the loss", "[method][flow]") {
  method::Batch batch{at::randn({2, 3, 1}), {}, {}, {}};
  batch.condition_mask = at::zeros({2, 3, 1}, at::kBool);
  batch.condition_mask[0] = true;
  const method::Noise noise{at::randn({2, 3, 1}), at::rand({2})};
  const auto problem = flow("uniform").regression(batch, noise);
  CHECK(problem.weight[0].abs().sum().item<double>() == 0);
  CHECK(std::isfinite(weighted_loss(problem, at::zeros({2, 3, 1}))));
}

TEST_CASE("power-law times have the distribution t^(1 + alpha)", "[method][times]") {
  const double alpha = GENERATE(-0.5, 0.0, 1.0, 4.0);
  const at::Tensor t = flow("power_law", alpha).times(even_uniform(2001));
  for (const double p : {0.1, 0.5, 0.9}) {
    CHECK(std::pow(number_at(t, p), 1 + alpha) == Approx(p).margin(5e-4));  // the grid's spacing
  }
}

TEST_CASE("logit-normal times have normal logits of the wanted mean and deviation", "[method][times]") {
  const double mean = GENERATE(0.0, 2.0), std = GENERATE(1.0, 1.8);
  const at::Tensor t = flow("logit_normal", 1, mean, std).times(even_uniform(2001));
  const auto logit = [](double v) { return std::log(v / (1 - v)); };
  // Normal quantiles of 0.1, 0.5, 0.9 and 0.975
  for (const auto& [p, z] : {std::pair(0.1, -1.281552), {0.5, 0.0}, {0.9, 1.281552}, {0.975, 1.959964}}) {
    CHECK(logit(number_at(t, p)) == Approx(mean + std * z).margin(2e-2));  // the grid's spacing in the tail
  }
}

TEST_CASE("times stay within [0, 1] for the smallest and largest uniform numbers", "[method][times]") {
  const std::string distribution = GENERATE("uniform", "power_law", "logit_normal");
  const at::Tensor edges = at::tensor({1e-7f, 1 - 6e-8f});
  const at::Tensor t = flow(distribution, 1, 2, 1.8).times(edges);
  CHECK(t.min().item<double>() >= 0);
  CHECK(t.max().item<double>() <= 1);  // false for NaN
}

TEST_CASE("the path of flow matching runs from noise at 0 to data at 1", "[method][flow]") {
  const auto path = flow("uniform").path();
  CHECK(path->start() == 0);
  CHECK(path->end() == 1);
  CHECK(path->data() == 1);
  CHECK(path->initial_scale() == 1);
  const at::Tensor t = at::tensor({0.0, 0.25, 1.0}, at::kDouble);
  CHECK(path->level(t).signal.equal(t));
  CHECK(path->level(t).noise.equal(1 - t));
  CHECK(path->velocity(t).x.abs().max().item<double>() == 0);
  CHECK(path->velocity(t).network.equal(at::ones_like(t)));
  CHECK(path->time_of(3) == 0.25);
}
