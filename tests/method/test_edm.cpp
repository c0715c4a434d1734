#include <cmath>
#include <limits>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/full.h>
#include <ATen/ops/logspace.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <catch2/catch_approx.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "method/edm.hpp"
#include "sample/solver/stepper.hpp"
#include "support/catch.hpp"

using namespace fluxsbi;
using Catch::Approx;

namespace {

// float32 sums of a few dozen terms of order one
constexpr double float_tolerance = 1e-5;

method::Diffusion diffusion(const std::string& preconditioning) {
  method::DiffusionOptions options;
  options.preconditioning = preconditioning;
  return method::Diffusion(options);
}

double weighted_loss(const engine::Regression& problem, const at::Tensor& output) {
  return ((output - problem.target).square() * problem.weight).sum().item<double>();
}

// A network without meaning that mixes tokens, channels and the time.
at::Tensor some_network(const at::Tensor& t, const at::Tensor& x, const at::Tensor&) {
  return at::tanh(1.3 * x) + 0.2 * x.sum({1, 2}, true) + at::tanh(t).view({-1, 1, 1});
}

// D(x; sigma) of a network by the path's words: x = data + sigma noise, sigma [n].
at::Tensor denoise(const method::Diffusion& method, const sample::Evaluate& network, const at::Tensor& x,
                   const at::Tensor& sigma) {
  const auto path = method.path();
  at::Tensor t = at::empty_like(sigma);
  for (int64_t i = 0; i < t.numel(); ++i) t[i] = path->time_of(sigma[i].item<double>());
  t = t.view({-1, 1, 1});
  const at::Tensor state = path->level(t).signal * x;
  const method::Query query = path->query(t);
  const method::Linear clean = path->denoised(t);
  return clean.x * state + clean.network * network(query.time.view(-1), query.scale * state, {});
}

// (i + 1/2) / n: every quantile of the uniform distribution once.
at::Tensor even_uniform(int64_t n) {
  return (at::arange(n, at::kDouble) + 0.5) / static_cast<double>(n);
}

double number_at(const at::Tensor& values, double p) {
  const at::Tensor sorted = std::get<0>(values.sort());
  return sorted[static_cast<int64_t>(p * static_cast<double>(values.numel() - 1))].item<double>();
}

}  // namespace

TEST_CASE("the regression of edm is the one computed by hand", "[method][edm]") {
  // One row, two tokens: x1 = (3, 2), n = (1, -1), sigma = 1: x = (4, 1). With sigma_data = 1, c_skip = 1/2,
  // c_out = c_in = 1/sqrt 2, c_noise = 0, lambda = 2.
  const method::Batch batch{at::tensor({3.f, 2.f}).view({1, 2, 1}), {}, {}, {}};
  const auto problem =
      diffusion("edm").regression_at(batch, at::tensor({1.f, -1.f}).view({1, 2, 1}), at::tensor({1.f}));
  CHECK(problem.inputs.t.item<double>() == 0);
  CHECK(problem.inputs.obs.view(-1)[0].item<double>() == Approx(4 / std::sqrt(2.0)));
  CHECK(problem.inputs.obs.view(-1)[1].item<double>() == Approx(1 / std::sqrt(2.0)));
  CHECK(problem.target.view(-1)[0].item<double>() == Approx(1 * std::sqrt(2.0)));
  CHECK(problem.target.view(-1)[1].item<double>() == Approx(1.5 * std::sqrt(2.0)));
  // A network that says 0: D = (2, 1/2), 2 ((2 - 3)^2 + (1/2 - 2)^2) = 6.5.
  CHECK(weighted_loss(problem, at::zeros({1, 2, 1})) == Approx(6.5));
}

TEST_CASE("the networks of vp and ve predict the noise", "[method][edm]") {
  const method::Batch batch{at::randn({5, 3, 2}), {}, {}, {}};
  const at::Tensor normal = at::randn({5, 3, 2}), sigma = at::rand({5}) * 3 + 0.01;
  CHECK((diffusion("vp").regression_at(batch, normal, sigma).target - normal).abs().max().item<double>() <
        float_tolerance);
  CHECK((diffusion("ve").regression_at(batch, normal, sigma).target + normal).abs().max().item<double>() <
        float_tolerance);
}

TEST_CASE("the regression is the mean over rows of the denoiser's weighted squared error", "[method][edm]") {
  const auto method = diffusion(GENERATE("edm", "vp", "ve"));
  CAPTURE(method.options().preconditioning);
  const int64_t rows = 6;
  // float64: the noise levels span five orders of magnitude, and D - x1 cancels at the small ones.
  const method::Batch batch{at::randn({rows, 4, 2}, at::kDouble), {}, {}, {}};
  const at::Tensor normal = at::randn({rows, 4, 2}, at::kDouble);
  const at::Tensor sigma = at::logspace(-3, 2, rows, 10, at::kDouble);
  const auto problem = method.regression_at(batch, normal, sigma);
  const at::Tensor output = some_network(problem.inputs.t, problem.inputs.obs, {});

  const at::Tensor noisy = batch.obs + sigma.view({-1, 1, 1}) * normal;
  const at::Tensor clean = denoise(method, some_network, noisy, sigma);
  const at::Tensor lambda = method.preconditioning().coefficients(method.options(), sigma).weight;
  const at::Tensor expected = lambda * (clean - batch.obs).square().flatten(1).sum(1);  // [rows]
  const at::Tensor ours =
      ((output - problem.target).square() * problem.weight).flatten(1).sum(1) * static_cast<double>(rows);
  CHECK(((ours - expected).abs() / expected).max().item<double>() < 1e-9);
}

TEST_CASE("conditioned tokens are fed clean and unscaled and carry no loss", "[method][edm]") {
  const auto method = diffusion(GENERATE("edm", "vp", "ve"));
  method::Batch all{at::randn({3, 4, 2}), {}, {}, {}}, masked = all;
  masked.condition_mask = at::zeros({3, 4, 1}, at::kBool);
  masked.condition_mask[0][1] = true;
  masked.condition_mask[1].slice(0, 0, 3) = true;
  masked.condition_mask[2] = true;  // nothing to learn in this row
  const method::Noise noise{at::randn({3, 4, 2}), at::rand({3})};
  const auto without = method.regression(all, noise), with = method.regression(masked, noise);
  const at::Tensor expected = at::where(masked.condition_mask, all.obs, without.inputs.obs);
  CHECK(with.inputs.obs.equal(expected));
  CHECK(with.inputs.t.equal(without.inputs.t));
  // Three, one and none of four tokens are learnt: a row counts as much as one without a mask.
  const at::Tensor factor =
      at::tensor({4.0F / 3, 0.0F, 4.0F / 3, 4.0F / 3, 0.0F, 0.0F, 0.0F, 4.0F, 0.0F, 0.0F, 0.0F, 0.0F})
          .view({3, 4, 1});
  CHECK(at::allclose(with.weight, without.weight * factor));
  CHECK(with.weight[2].abs().sum().item<double>() == 0);
}

TEST_CASE("edm's noise levels of training are log-normal", "[method][edm][times]") {
  method::DiffusionOptions options;
  options.sigma_mean = -2;
  options.sigma_std = 1.8;
  const at::Tensor sigma = method::Diffusion(options).training_sigma(even_uniform(2001));
  for (const auto& [p, z] : {std::pair(0.1, -1.281552), {0.5, 0.0}, {0.9, 1.281552}, {0.975, 1.959964}}) {
    CHECK(std::log(number_at(sigma, p)) ==
          Approx(-2 + 1.8 * z).margin(2e-2));  // the grid's spacing in the tail
  }
}

TEST_CASE("ve's noise levels of training are uniform in their logarithm", "[method][edm][times]") {
  const at::Tensor sigma = diffusion("ve").training_sigma(even_uniform(2001));
  for (const double p : {0.1, 0.5, 0.9}) {
    CHECK(std::log(number_at(sigma, p)) == Approx(std::log(0.02) + p * std::log(5000.0)).margin(5e-3));
  }
}

TEST_CASE("the time that vp's network is told is the one its noise level was drawn at",
          "[method][edm][times]") {
  const auto method = diffusion("vp");
  const at::Tensor uniform = even_uniform(500), sigma = method.training_sigma(uniform);
  const at::Tensor told = method.preconditioning().coefficients(method.options(), sigma).noise;
  const at::Tensor expected = 999 * (uniform * (1 - 1e-5) + 1e-5);
  CHECK((told - expected).abs().max().item<double>() < 1e-6);
}

TEST_CASE("noise levels and targets stay finite for the smallest and largest uniform numbers",
          "[method][edm]") {
  const auto method = diffusion(GENERATE("edm", "vp", "ve"));
  CAPTURE(method.options().preconditioning);
  const method::Batch batch{at::randn({2, 3, 1}), {}, {}, {}};
  const auto problem = method.regression(batch, {at::randn({2, 3, 1}), at::tensor({0x1p-25f, 1 - 0x1p-24f})});
  for (const at::Tensor& part : {problem.inputs.t, problem.inputs.obs, problem.target, problem.weight}) {
    CHECK(part.isfinite().all().item<bool>());
  }
  CHECK(problem.target.abs().max().item<double>() < 10);
  CHECK(problem.inputs.obs.abs().max().item<double>() <
        (method.options().preconditioning == "ve" ? 1e3 : 10));
}

TEST_CASE("the velocity is the path's slope that its levels have", "[method][edm]") {
  // dx/dt of x = scale (data + sigma noise) for one data point, whose denoiser is a constant, against finite
  // differences of the path.
  const auto method = diffusion(GENERATE("edm", "vp", "ve"));
  CAPTURE(method.options().preconditioning);
  const at::Tensor data = at::full({1, 1, 1}, 0.7, at::kDouble),
                   noise = at::full({1, 1, 1}, -1.1, at::kDouble);
  const method::Preconditioning& row = method.preconditioning();
  const auto state = [&](const at::Tensor& t) {
    const method::NoiseLevel level = row.level(method.options(), t.view({-1, 1, 1}));
    return level.scale * (data + level.sigma * noise);
  };
  const auto path = method.path();
  for (const double part : {0.0, 0.3, 0.8, 1.0}) {
    const at::Tensor t = at::full({1}, row.time(method.options(), part), at::kDouble), h = t * 1e-5;
    const method::NoiseLevel level = row.level(method.options(), t);
    const method::Coefficients c = row.coefficients(method.options(), level.sigma);
    const sample::PathEquation equation(*path,
                                        [&](const at::Tensor&, const at::Tensor& x, const at::Tensor&) {
                                          return (data - c.skip * x / c.in) / c.out;
                                        });
    const at::Tensor slope = (state(t + h) - state(t - h)) / (2 * h);
    CHECK(equation.slope(t, state(t), {}).item<double>() == Approx(slope.item<double>()).epsilon(1e-6));
  }
}

TEST_CASE("the grid falls from the most noise to the least, above the data", "[method][edm]") {
  const auto path = diffusion(GENERATE("edm", "vp", "ve")).path();
  const sample::PathEquation equation(*path, some_network);
  for (const int64_t steps : {1, 2, 18}) {
    const auto times = sample::grid(equation, steps);
    CHECK(times.size() == static_cast<size_t>(steps + 1));
    CHECK(times.front() == path->start());
    CHECK(times.back() == path->end());
    for (size_t i = 1; i < times.size(); ++i) CHECK(times[i] < times[i - 1]);
  }
  CHECK(path->end() > 0);
  CHECK(path->data() == 0);
  CHECK(diffusion("edm").path()->start() == Approx(80));
  CHECK(diffusion("edm").path()->end() == Approx(0.002));
  CHECK(diffusion("ve").path()->start() == Approx(1e4));
}

TEST_CASE("the time of a noise level is the one that has it", "[method][edm]") {
  const auto path = diffusion(GENERATE("edm", "vp", "ve")).path();
  for (const double ratio : {0.05, 1.0, 30.0}) {
    const method::Level level = path->level(at::full({1}, path->time_of(ratio), at::kDouble));
    CHECK((level.noise / level.signal).item<double>() == Approx(ratio).epsilon(1e-10));
  }
}

TEST_CASE("edm's step to the data is the denoiser at the least noise level", "[method][edm]") {
  const auto method = diffusion("edm");
  const auto path = method.path();
  const at::Tensor x = at::randn({4, 3, 1});
  const at::Tensor clean = denoise(method, some_network, x, at::full({1}, 0.002f));
  const at::Tensor end = sample::euler_step_to_data(sample::PathEquation(*path, some_network), x);
  CHECK((end - clean).abs().max().item<double>() < float_tolerance);
}

TEST_CASE("a time that all rows share reaches the network as one", "[method][edm]") {
  int64_t times = 0;
  const auto path = diffusion("edm").path();
  const sample::PathEquation equation(*path,
                                      [&](const at::Tensor& t, const at::Tensor& x, const at::Tensor&) {
                                        times = t.size(0);
                                        return x;
                                      });
  const at::Tensor x = at::randn({4, 3, 1});
  const at::Tensor once = equation.slope(at::full({1}, 0.5f), x, {});
  CHECK(times == 1);
  CHECK(equation.slope(at::full({4}, 0.5f), x, {}).equal(once));
  CHECK(times == 4);
}
