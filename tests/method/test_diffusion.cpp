#include <cmath>
#include <limits>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
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

#include "method/diffusion.hpp"
#include "method/numbers.hpp"
#include "support/catch.hpp"
#include "support/diffusion.hpp"

using namespace fluxsbi;
using Catch::Approx;
using test::diffusion, test::some_network;
using test::even_uniform, test::number_at, test::weighted_loss;

namespace {

// float32 sums of a few dozen terms of order one
constexpr double float_tolerance = 1e-5;

// A row of table 1 of Karras et al. 2022 (arXiv 2206.00364), written out in plain numbers:
// D(x; sigma) = skip x + out F(in x; noise), and the weight lambda of (D - data)^2.
struct TableRow {
  double skip, out, in, noise, weight;
};

constexpr double vp_beta_min = 0.1, vp_beta_d = 19.9;

// vp's sigma(t) = sqrt(exp(beta_d t^2 / 2 + beta_min t) - 1).
double vp_sigma(double t) {
  return std::sqrt(std::exp(0.5 * vp_beta_d * t * t + vp_beta_min * t) - 1);
}

// Its inverse: (sqrt(beta_min^2 + 2 beta_d ln(sigma^2 + 1)) - beta_min) / beta_d.
double vp_time(double sigma) {
  return (std::sqrt(vp_beta_min * vp_beta_min + 2 * vp_beta_d * std::log(sigma * sigma + 1)) - vp_beta_min) /
         vp_beta_d;
}

TableRow table_row(const std::string& preconditioning, double sigma, double data) {
  const double square = sigma * sigma;
  if (preconditioning == "vp") {
    return {1, -sigma, 1 / std::sqrt(square + 1), (1000 - 1) * vp_time(sigma), 1 / square};
  }
  if (preconditioning == "ve") return {1, sigma, 1, std::log(0.5 * sigma), 1 / square};
  const double total = square + data * data;
  return {data * data / total, sigma * data / std::sqrt(total), 1 / std::sqrt(total), std::log(sigma) / 4,
          total / (sigma * data * sigma * data)};
}

// sigma(t) and s(t) of the same table, and their derivatives.
struct Schedule {
  double sigma, sigma_rate, scale, scale_rate;
};

Schedule schedule(const std::string& preconditioning, double t) {
  if (preconditioning == "vp") {
    const double sigma = vp_sigma(t), scale = 1 / std::sqrt(sigma * sigma + 1);
    const double half_beta = 0.5 * (vp_beta_d * t + vp_beta_min);
    return {sigma, half_beta * (sigma + 1 / sigma), scale, -half_beta * scale};
  }
  if (preconditioning == "ve") return {std::sqrt(t), 0.5 / std::sqrt(t), 1, 0};
  return {t, 1, 1, 0};
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
  const std::string name = GENERATE("edm", "vp", "ve");
  CAPTURE(name);
  const auto method = diffusion(name);
  const int64_t rows = 6;
  // float64: the noise levels span five orders of magnitude, and D - x1 cancels at the small ones.
  const method::Batch batch{at::randn({rows, 4, 2}, at::kDouble), {}, {}, {}};
  const at::Tensor normal = at::randn({rows, 4, 2}, at::kDouble);
  const at::Tensor sigma = at::logspace(-3, 2, rows, 10, at::kDouble);
  const auto problem = method.regression_at(batch, normal, sigma);
  const at::Tensor output = some_network(problem.inputs.t, problem.inputs.obs, {});

  for (int64_t i = 0; i < rows; ++i) {
    const TableRow row = table_row(name, sigma[i].item<double>(), 1);
    const at::Tensor noisy = (batch.obs[i] + sigma[i] * normal[i]).unsqueeze(0);
    const at::Tensor clean =
        row.skip * noisy + row.out * some_network(at::full({1}, row.noise, at::kDouble), row.in * noisy, {});
    const double expected = row.weight * (clean - batch.obs[i]).square().sum().item<double>();
    const at::Tensor ours = ((output[i] - problem.target[i]).square() * problem.weight[i]).sum();
    CHECK(static_cast<double>(rows) * ours.item<double>() == Approx(expected).epsilon(1e-9));
  }
}

TEST_CASE("every coefficient is the one of table 1 of Karras et al. 2022", "[method][edm]") {
  const std::string name = GENERATE("edm", "vp", "ve");
  method::DiffusionOptions options;
  options.preconditioning = test::enum_named<method::PreconditioningKind>(name);
  options.sigma_data = GENERATE(1.0, 0.5);  // 0.5: the paper's
  const method::Diffusion method(options);
  for (const double sigma : {0.003, 0.1, 0.7, 4.0, 60.0}) {
    CAPTURE(name, options.sigma_data, sigma);
    const auto c = method.preconditioning().coefficients(options, at::full({1}, sigma, at::kDouble));
    const TableRow row = table_row(name, sigma, options.sigma_data);
    CHECK(c.skip.item<double>() == Approx(row.skip).epsilon(1e-12));
    CHECK(c.rest.item<double>() == Approx(1 - row.skip).epsilon(1e-9).margin(1e-15));
    CHECK(c.out.item<double>() == Approx(row.out).epsilon(1e-12));
    CHECK(c.in.item<double>() == Approx(row.in).epsilon(1e-12));
    CHECK(c.noise.item<double>() == Approx(row.noise).epsilon(1e-9));
    CHECK(c.weight.item<double>() == Approx(row.weight).epsilon(1e-12));
  }
}

TEST_CASE("vp's ends and its number of levels are options under GenSBI's names", "[method][edm][times]") {
  method::DiffusionOptions options;
  options.preconditioning = method::PreconditioningKind::vp;
  options.e_s = 0.01;
  options.e_t = 0.25;
  options.M = 50;
  const method::Diffusion method(options);
  CHECK(method.path()->time(1) == Approx(0.01));
  CHECK(method.path()->time(0) == 1);
  const auto told = [&](double sigma) {
    return method.preconditioning()
        .coefficients(options, at::full({1}, sigma, at::kDouble))
        .noise.item<double>();
  };
  CHECK(told(4.0) == Approx(49 * vp_time(4.0)).epsilon(1e-9));
  // Training's times are uniform on (e_t, 1): the median is 0.625.
  CHECK(number_at(method.training_sigma(even_uniform(2001)), 0) >= vp_sigma(0.25));
  CHECK(number_at(method.training_sigma(even_uniform(2001)), 0.5) == Approx(vp_sigma(0.625)).epsilon(1e-6));
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
  const at::Tensor drawn = uniform * (1 - 1e-5) + 1e-5;
  CHECK((told - 999 * drawn).abs().max().item<double>() < 1e-6);
  for (const int64_t i : {0, 100, 499}) {
    CHECK(sigma[i].item<double>() == Approx(vp_sigma(drawn[i].item<double>())).epsilon(1e-9));
  }
}

TEST_CASE("noise levels and targets stay finite for the smallest and largest uniform numbers",
          "[method][edm]") {
  const auto method = diffusion(GENERATE("edm", "vp", "ve"));
  CAPTURE(config::name_of(method.options().preconditioning));
  const method::Batch batch{at::randn({2, 3, 1}), {}, {}, {}};
  const auto problem = method.regression(batch, {at::randn({2, 3, 1}), at::tensor({0x1p-25f, 1 - 0x1p-24f})});
  for (const at::Tensor& part : {problem.inputs.t, problem.inputs.obs, problem.target, problem.weight}) {
    CHECK(part.isfinite().all().item<bool>());
  }
  CHECK(problem.target.abs().max().item<double>() < 10);
  CHECK(problem.inputs.obs.abs().max().item<double>() <
        (method.options().preconditioning == method::PreconditioningKind::ve ? 1e3 : 10));
}

TEST_CASE("the velocity is that of the paper's equation 4 along the schedules of its table 1",
          "[method][edm]") {
  // dx/dt = (sigma' / sigma + s' / s) x - (sigma' s / sigma) D(x / s; sigma)
  const std::string name = GENERATE("edm", "vp", "ve");
  const auto path = diffusion(name).path();
  const double x = 0.8, output = -0.6;
  for (const double part : {0.0, 0.3, 0.8, 1.0}) {
    const double t = path->time(part);
    CAPTURE(name, t);
    const Schedule at_t = schedule(name, t);
    const TableRow row = table_row(name, at_t.sigma, 1);
    const double clean = row.skip * x / at_t.scale + row.out * output;
    const double expected = (at_t.sigma_rate / at_t.sigma + at_t.scale_rate / at_t.scale) * x -
                            at_t.sigma_rate * at_t.scale / at_t.sigma * clean;
    const at::Tensor time = at::full({1}, t, at::kDouble);
    const method::Linear velocity = path->velocity(time), denoised = path->denoised(time);
    const method::Query query = path->query(time);
    const method::Level level = path->level(time);
    CHECK((velocity.x * x + velocity.network * output).item<double>() == Approx(expected).epsilon(1e-8));
    CHECK((denoised.x * x + denoised.network * output).item<double>() == Approx(clean).epsilon(1e-8));
    CHECK(query.time.item<double>() == Approx(row.noise).epsilon(1e-8));
    CHECK(query.scale.item<double>() == Approx(row.in / at_t.scale).epsilon(1e-8));
    CHECK(level.signal.item<double>() == Approx(at_t.scale).epsilon(1e-10));
    CHECK(level.noise.item<double>() == Approx(at_t.scale * at_t.sigma).epsilon(1e-10));
  }
}

TEST_CASE("sampling goes between the noise levels of the paper's table 1", "[method][edm]") {
  const auto ends = [](const std::string& name) {
    const auto path = diffusion(name).path();
    CHECK(path->data() == 0);
    return std::pair(path->start(), path->end());
  };
  CHECK(ends("edm").first == Approx(80));
  CHECK(ends("edm").second == Approx(0.002));
  CHECK(ends("vp").first == Approx(1));
  CHECK(ends("vp").second == Approx(1e-3));  // epsilon_s
  CHECK(ends("ve").first == Approx(100.0 * 100.0));
  CHECK(ends("ve").second == Approx(0.02 * 0.02));
  // edm, rho = 7: (80^(1/7) + (0.002^(1/7) - 80^(1/7)) / 2)^7
  CHECK(diffusion("edm").path()->time(0.5) == Approx(2.5152199).epsilon(1e-6));
}

TEST_CASE("the time of a noise level is the one that has it", "[method][edm]") {
  const auto path = diffusion(GENERATE("edm", "vp", "ve")).path();
  for (const double ratio : {0.05, 1.0, 30.0}) {
    const method::Level level = path->level(at::full({1}, path->time_of(ratio), at::kDouble));
    CHECK((level.noise / level.signal).item<double>() == Approx(ratio).epsilon(1e-10));
  }
}
