#include "method/preconditioning.hpp"

#include <array>
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/expm1.h>
#include <ATen/ops/log.h>
#include <ATen/ops/log1p.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/zeros_like.h>

#include "core/error.hpp"
#include "method/normal_quantile.hpp"

namespace fluxsbi::method {

namespace {

Coefficients edm_coefficients(const DiffusionOptions& options, const at::Tensor& sigma) {
  const double data = options.sigma_data;
  const at::Tensor square = sigma.square(), total = square + data * data, root = at::sqrt(total);
  Coefficients c;
  c.skip = data * data / total;
  c.rest = square / total;
  c.out = sigma * data / root;
  c.in = 1 / root;
  c.noise = at::log(sigma) / 4;
  c.weight = total / (sigma * data).square();
  return c;
}

at::Tensor edm_training_sigma(const DiffusionOptions& options, const at::Tensor& uniform) {
  return at::exp(normal_quantile(uniform) * options.sigma_std + options.sigma_mean);
}

NoiseLevel edm_level(const DiffusionOptions&, const at::Tensor& t) {
  return {t, 1 / t, at::ones_like(t), at::zeros_like(t)};
}

double edm_time_of(const DiffusionOptions&, double sigma) {
  return sigma;
}

double edm_time(const DiffusionOptions& options, double part) {
  const double most = std::pow(*options.sigma_max, 1 / options.rho),
               least = std::pow(*options.sigma_min, 1 / options.rho);
  return std::pow(most + part * (least - most), options.rho);
}

// Variance preserving: ln(1 + sigma^2) = beta_min t + (beta_max - beta_min) t^2 / 2.

at::Tensor vp_sigma(const DiffusionOptions& options, const at::Tensor& t) {
  return at::sqrt(at::expm1(t * (options.beta_min + (options.beta_max - options.beta_min) / 2 * t)));
}

at::Tensor vp_time_of(const DiffusionOptions& options, const at::Tensor& sigma) {
  const at::Tensor exponent = at::log1p(sigma.square());
  const double steepness = options.beta_max - options.beta_min, start = options.beta_min;
  // The quadratic formula in the form that does not cancel near 0, and holds for a constant beta.
  return 2 * exponent / (at::sqrt(start * start + 2 * steepness * exponent) + start);
}

Coefficients vp_coefficients(const DiffusionOptions& options, const at::Tensor& sigma) {
  Coefficients c;
  c.skip = at::ones_like(sigma);
  c.rest = at::zeros_like(sigma);
  c.out = -sigma;
  c.in = at::rsqrt(sigma.square() + 1);
  c.noise = (static_cast<double>(options.M) - 1) * vp_time_of(options, sigma);
  c.weight = 1 / sigma.square();
  return c;
}

at::Tensor vp_training_sigma(const DiffusionOptions& options, const at::Tensor& uniform) {
  return vp_sigma(options, uniform * (1 - options.e_t) + options.e_t);
}

NoiseLevel vp_level(const DiffusionOptions& options, const at::Tensor& t) {
  const at::Tensor sigma = vp_sigma(options, t), square = sigma.square();
  const at::Tensor half_beta = (options.beta_min + (options.beta_max - options.beta_min) * t) / 2;
  return {sigma, half_beta * (1 + 1 / square), at::rsqrt(square + 1), -half_beta};
}

double vp_time_of_level(const DiffusionOptions& options, double sigma) {
  return vp_time_of(options, at::scalar_tensor(sigma, at::kDouble)).item<double>();
}

double vp_time(const DiffusionOptions& options, double part) {
  return 1 + part * (options.e_s - 1);
}

Coefficients ve_coefficients(const DiffusionOptions&, const at::Tensor& sigma) {
  Coefficients c;
  c.skip = at::ones_like(sigma);
  c.rest = at::zeros_like(sigma);
  c.out = sigma;
  c.in = at::ones_like(sigma);
  c.noise = at::log(sigma / 2);
  c.weight = 1 / sigma.square();
  return c;
}

at::Tensor ve_training_sigma(const DiffusionOptions& options, const at::Tensor& uniform) {
  return *options.sigma_min * at::exp(uniform * std::log(*options.sigma_max / *options.sigma_min));
}

NoiseLevel ve_level(const DiffusionOptions&, const at::Tensor& t) {
  return {at::sqrt(t), 0.5 / t, at::ones_like(t), at::zeros_like(t)};
}

double ve_time_of(const DiffusionOptions&, double sigma) {
  return sigma * sigma;
}

double ve_time(const DiffusionOptions& options, double part) {
  return std::pow(*options.sigma_max, 2) * std::pow(*options.sigma_min / *options.sigma_max, 2 * part);
}

constexpr std::array<Preconditioning, 3> all_preconditionings{{
    {PreconditioningKind::edm, 0.002, 80, "adams_bashforth", 1, edm_coefficients, edm_training_sigma,
     edm_level, edm_time_of, edm_time},
    {PreconditioningKind::vp, std::nullopt, std::nullopt, "dpmpp_2m", 2, vp_coefficients, vp_training_sigma,
     vp_level, vp_time_of_level, vp_time},
    {PreconditioningKind::ve, 0.02, 100, "dpmpp_2m", 1, ve_coefficients, ve_training_sigma, ve_level,
     ve_time_of, ve_time},
}};

}  // namespace

std::span<const std::string_view> enum_names(PreconditioningKind) {
  static constexpr std::array<std::string_view, 3> names{"edm", "vp", "ve"};
  return names;
}

const Preconditioning& preconditioning_of(PreconditioningKind kind) {
  const Preconditioning& row = all_preconditionings.at(static_cast<size_t>(kind));
  core::require(row.kind == kind, "the table of preconditionings has the order of their kinds");
  return row;
}

}  // namespace fluxsbi::method
