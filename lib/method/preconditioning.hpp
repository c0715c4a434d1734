// How a diffusion network is scaled at each noise level, which levels it is trained on, and along which
// levels samples are drawn: one table (Karras, Aittala, Aila, Laine 2022, arXiv 2206.00364, table 1).
// With s the noise level sigma and d = sigma_data:
//
//        c_skip            c_out               c_in              c_noise       lambda
//   edm  d^2 / (s^2+d^2)   s d / sqrt(s^2+d^2) 1/sqrt(s^2+d^2)   ln(s) / 4     (s^2+d^2) / (s d)^2
//   vp   1                 -s                  1/sqrt(s^2+1)     (M-1) t(s)    1 / s^2
//   ve   1                 s                   1                 ln(s / 2)     1 / s^2
//
// Levels of training: edm ln s ~ N(sigma_mean, sigma_std^2); vp time ~ U(e_t, 1); ve ln s uniform between
// the logarithms of sigma_min and sigma_max.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <ATen/core/Tensor.h>

namespace fluxsbi::method {

enum class PreconditioningKind { edm, vp, ve };
std::span<const std::string_view> enum_names(PreconditioningKind);

/// The keys of diffusion in the section `strategy`.
struct DiffusionOptions {
  PreconditioningKind preconditioning = PreconditioningKind::edm;
  double sigma_mean = -1.2;  ///< edm, training: mean of ln sigma
  double sigma_std = 1.2;    ///< edm, training: standard deviation of ln sigma, > 0
  /// edm: ends of sampling; ve: of training too; none: the row's
  std::optional<double> sigma_min, sigma_max;
  double sigma_data = 1;  ///< edm: standard deviation of the standardised data
  double rho = 7;         ///< edm, sampling: how much smaller the steps near the data are
  /// vp: sigma(t)^2 = exp(beta_min t + (beta_max - beta_min) t^2 / 2) - 1
  double beta_min = 0.1, beta_max = 20;
  double e_s = 1e-3;  ///< vp: the time at which sampling ends, in (0, 1)
  double e_t = 1e-5;  ///< vp: the least time of training, in (0, 1)
  int64_t M = 1000;   ///< vp: noise levels of the discrete time (M - 1) t that F is told, >= 2
};

/// D(x; sigma) = skip x + out F(in x; noise) for a network F, and the weight of (D - data)^2. Each has
/// sigma's shape.
struct Coefficients {
  at::Tensor skip;
  at::Tensor rest;  ///< 1 - skip, without the cancellation
  at::Tensor out, in, noise, weight;
};

/// A point on the path of sampling, at the path's own time t: x(t) = scale (data + sigma noise). Each has t's
/// shape.
struct NoiseLevel {
  at::Tensor sigma;
  at::Tensor sigma_rate;  ///< d ln sigma / dt
  at::Tensor scale;
  at::Tensor scale_rate;  ///< d ln scale / dt
};

struct Preconditioning {
  PreconditioningKind kind;
  std::optional<double> sigma_min, sigma_max;  ///< published ends; vp has those of its betas
  /// The default solver, and the default spacing of its steps (docs/solvers.md).
  std::string_view sampling_solver;
  double sampling_spacing;
  Coefficients (*coefficients)(const DiffusionOptions& options, const at::Tensor& sigma);
  /// Noise levels of training for uniform numbers in (0, 1).
  at::Tensor (*training_sigma)(const DiffusionOptions& options, const at::Tensor& uniform);
  /// edm: t = sigma; ve: t = sigma^2; vp: t in (0, 1], 1 the most noise.
  NoiseLevel (*level)(const DiffusionOptions& options, const at::Tensor& t);
  /// The time of a noise level sigma > 0.
  double (*time_of)(const DiffusionOptions& options, double sigma);
  /// The path's time at which the fraction `part` in [0, 1] of the steps is done; 0: most noise, 1: least
  /// noise, but some.
  double (*time)(const DiffusionOptions& options, double part);
};

const Preconditioning& preconditioning_of(PreconditioningKind kind);

}  // namespace fluxsbi::method
