// Diffusion's sampling with the exact denoiser of a Gaussian.
#include <cmath>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/linspace.h>
#include <catch2/catch_approx.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "method/edm.hpp"
#include "sample/draw.hpp"
#include "sample/solver.hpp"
#include "support/catch.hpp"

using namespace fluxsbi;
using Catch::Approx;

namespace {

constexpr double mean = 1.5, deviation = 0.3;

method::Diffusion diffusion(const std::string& preconditioning) {
  method::DiffusionOptions options;
  options.preconditioning = preconditioning;
  return method::Diffusion(options);
}

// The noise level whose c_noise the network is told.
at::Tensor sigma_of(const method::Diffusion& method, const at::Tensor& told) {
  const std::string& name = method.options().preconditioning;
  if (name == "edm") return at::exp(4 * told);
  if (name == "ve") return 2 * at::exp(told);
  return method.preconditioning().level(method.options(), told / 999).sigma;
}

// The network whose denoiser is that of data N(mean, deviation^2),
//   D(x; sigma) = (sigma^2 mean + deviation^2 x) / (sigma^2 + deviation^2).
method::Evaluate exact_network(const method::Diffusion& method) {
  return [method](const at::Tensor& t, const at::Tensor& scaled, const at::Tensor&) {
    const at::Tensor sigma = sigma_of(method, t).view({-1, 1, 1}), square = sigma.square();
    const auto c = method.preconditioning().coefficients(method.options(), sigma);
    const at::Tensor x = scaled / c.in;
    // (D - c_skip x) / c_out with 1 - c_skip taken apart, so that nothing cancels where there is little
    // noise.
    const at::Tensor step = square / (square + deviation * deviation) * (mean - x);  // D - x
    return (step + c.rest * x) / c.out;
  };
}

}  // namespace

TEST_CASE("every solver carries diffusion's noise to a Gaussian of the right mean and deviation",
          "[sample][solver][edm]") {
  const auto& row = GENERATE(from_range(sample::solvers()));
  const auto method = diffusion(GENERATE("edm", "vp", "ve"));
  CAPTURE(row.name, method.options().preconditioning);
  const auto field = method.field(exact_network(method));
  sample::SolverOptions options;
  options.steps = 200;
  const at::Tensor noise = at::linspace(-3, 3, 101, at::kFloat).view({101, 1, 1});
  const at::Tensor x = field->finish(row.integrate(*field, field->initial(noise), options).x);
  // (x - mean) / sqrt(deviation^2 + sigma^2) stays as it is along the flow.
  const double sigma =
      method.preconditioning()
          .level(method.options(), at::linspace(field->start(), field->start(), 1, at::kDouble))
          .sigma.item<double>();
  const at::Tensor exact = mean + deviation * (sigma * noise - mean) / std::hypot(deviation, sigma);
  // The last step leaves out the noise level sigma_min, 0.02 in ve: (sigma_min / deviation)^2 / 2 of the
  // distance from the mean, 2e-3 at three deviations. ve's steps are the coarsest: 5e-3 there.
  const double allowed = row.order == 1 ? 0.15 : 1e-2;  // euler: 0.11 in ve, 0.05 in edm
  CHECK((x - exact).abs().max().item<double>() < allowed);
}

TEST_CASE("diffusion draws a posterior of the right mean and deviation by its own solver",
          "[sample][draw][edm]") {
  const auto method = diffusion(GENERATE("edm", "vp", "ve"));
  CAPTURE(method.options().preconditioning);
  const data::Standardiser theta{{10, 10}, {2, 2}};
  sample::Source source;
  source.method = &method;
  source.bind = [&](std::span<const int64_t>) { return sample::Bound{exact_network(method)}; };
  source.standardiser = &theta;
  source.tokens = source.kept = 2;
  const int64_t draws = 4000;
  const auto samples = sample::draw(source, {1, draws, 5, 0, 1000}, {});
  CHECK(samples.evaluations == 2 * method.default_steps() - 1);  // heun's, and one for the last step
  double sum = 0, squares = 0;
  const auto count = static_cast<double>(samples.values.size());
  for (const float value : samples.values) sum += value;
  for (const float value : samples.values) squares += std::pow(value - sum / count, 2);
  // 8000 numbers: standard errors of 0.007 and 0.8 %. 40 steps of heun widen by 1 %.
  CHECK(sum / count == Approx(10 + 2 * mean).margin(0.03));
  CHECK(std::sqrt(squares / count) == Approx(2 * deviation).epsilon(0.05));
}
