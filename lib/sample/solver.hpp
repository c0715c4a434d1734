// Solvers of the sampling equation: one table, one call.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <ATen/core/Tensor.h>

#include "method/method.hpp"

namespace fluxsbi::sample {

struct SolverOptions {
  int64_t steps = 0;   ///< fixed-step solvers; 0: the method's or the solver's default
  double atol = 1e-5;  ///< adaptive solvers: error a step is kept below atol + rtol * max(|x|, |x_new|)
  double rtol = 1e-5;
  int64_t max_evaluations = 10000;  ///< adaptive solvers, per row
  /// [n] float64 in (0, 1], adaptive solvers: the share of each row's elements that move at all. Elements
  /// that do not are 0, and a row's error is the mean over the others. Undefined: all move.
  at::Tensor moving = {};
};

/// What a solver did.
struct Integration {
  at::Tensor x;             ///< [n, L, C] at the field's end; NaN for rows that failed
  at::Tensor failed;        ///< [n] bool: evaluations ran out or the state became non-finite
  int64_t evaluations = 0;  ///< of the network, for the row that took most
};

struct SolverRow {
  std::string_view name;
  int order;
  bool adaptive;
  bool stochastic;
  int evaluations_per_step;
  int64_t default_steps;
  std::string_view citation;
  Integration (*integrate)(const method::Field& field, const at::Tensor& x, const SolverOptions& options);
};

/// euler, midpoint, heun, rk4, dopri5.
std::span<const SolverRow> solvers();

/// Throws UserError with the nearest name.
const SolverRow& find_solver(const std::string& name);

}  // namespace fluxsbi::sample
