// The section `sampling`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "config/reader.hpp"
#include "method/method.hpp"

namespace fluxsbi::sample {

struct SamplingOptions {
  std::string solver = "auto";    ///< auto: the method's own
  std::optional<int64_t> steps;   ///< fixed-step solvers; none: the solver's default
  std::optional<double> spacing;  ///< fixed-step solvers, of grid(); none: the method's, at least 1
  double atol = 1e-5, rtol = 1e-5;
  int64_t max_evaluations = 10000;
  double noise_amount = 1;          ///< stochastic solvers: factor of the noise, >= 0
  double corrector = 0.16;          ///< predictor_corrector: size of the Langevin steps, in (0, 1)
  double churn = 30;                ///< edm_heun: S_churn, >= 0
  double churn_min = 0;             ///< edm_heun: S_min, the lowest noise level that is raised, >= 0
  std::optional<double> churn_max;  ///< edm_heun: S_max, >= churn_min; none: no limit
  double churn_noise = 1;           ///< edm_heun: S_noise, > 0
  double memory_gb = 1.0;           ///< what a chunk may take beside the result
  int64_t chunk = 0;                ///< draws a chunk; 0: from memory_gb
  bool reject = true;               ///< redraw samples outside the prior's support
  int64_t max_tries = 100;          ///< redraws of one sample
  double max_seconds = 3600;        ///< redrawing ends then

  double guidance_scale = 1;           ///< PathEquation's Guidance, >= 0; 1: off
  double guidance_min = 0;             ///< the noise levels at which it acts, >= 0
  std::optional<double> guidance_max;  ///< >= guidance_min; none: no limit
};
const config::Table<SamplingOptions>& sampling_table();

/// What is wrong with guidance by `scale` for a model that learned no null condition: the rest of a message
/// after "sampling.guidance_scale".
std::string guidance_problem(double scale);

/// Why a student cannot draw so: its jumps are its own, and guidance is not among what it learned; "" if it
/// can, and for a method that is none. The key stands at the beginning.
std::string student_problem(const SamplingOptions& options, const method::Method& method);

/// Reports a solver that the method cannot use, guidance of a model that learns no null condition, and ends
/// of a range in the wrong order. The section must have been read.
void check(const SamplingOptions& options, const method::Method& method,
           const method::StrategyOptions& strategy, config::Reader& reader);

}  // namespace fluxsbi::sample
