// Solvers of the sampling equations: one table, one call.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

#include "sample/solver/equation.hpp"
#include "sample/solver/stepper.hpp"

namespace fluxsbi::sample {

struct Tableau;

/// What stochastic solvers need beside their steps.
struct NoiseOptions {
  double amount = 1;        ///< g of the stochastic equation is multiplied by it; 0: the deterministic one
  double corrector = 0.16;  ///< r of PredictorCorrector
  /// EdmHeun: before a step at a noise level in [least, most] the level is raised by min(churn / steps,
  /// sqrt 2 - 1) of it, with fresh noise of this standard deviation.
  double churn = 30, least = 0, most = std::numeric_limits<double>::infinity(), deviation = 1;
};

struct SolverOptions {
  int64_t steps = 0;   ///< fixed-step solvers; 0: the solver's default
  double spacing = 1;  ///< fixed-step solvers, of grid()
  double atol = 1e-5;  ///< adaptive solvers: error a step is kept below atol + rtol * max(|x|, |x_new|)
  double rtol = 1e-5;
  int64_t max_evaluations = 10000;  ///< adaptive solvers, per row, as Integration has them
  /// [n] float64 in (0, 1], adaptive solvers: the fraction of each row's elements that move. The others are
  /// 0, and a row's error is the mean over those that move. Undefined: all move.
  at::Tensor moving = {};
  /// Adaptive solvers: the last so many elements of a row [.., C] are kept below atol alone, as logarithms
  /// are, whose absolute error counts however large they are.
  int64_t absolute = 0;
  NoiseOptions noise = {};
  /// Stochastic solvers: the next standard normal numbers [n, L, C].
  std::function<at::Tensor()> normal = {};
};

/// What a solver did.
struct Integration {
  at::Tensor x;             ///< [n, L, C] at the equation's end or the path's data; NaN for rows that failed
  at::Tensor failed;        ///< [n] bool: evaluations ran out or the state became non-finite
  at::Tensor exhausted;     ///< [n] bool: evaluations ran out
  int64_t evaluations = 0;  ///< of the equation, for the row that took most; a guided one asks two networks
};

/// A solver has a tableau (Runge-Kutta: it solves any equation) or makes a stepper for a path.
struct SolverRow {
  std::string_view name;
  int order;  ///< deterministic: of convergence; stochastic: weak
  bool adaptive;
  bool stochastic;
  int evaluations_per_step;
  int64_t default_steps;
  std::string_view citation;
  const Tableau* tableau;
  /// The stochastic equation of the path that it solves; none where any path serves.
  std::optional<method::Sde> sde;
  std::unique_ptr<Stepper> (*stepper)(const PathEquation& equation, const SolverRow& row,
                                      const SolverOptions& options);
  bool lands = false;  ///< the last of its steps ends at the data (Ddim)
};

std::span<const SolverRow> solvers();

/// "auto", which stands for a method's own, and the names of the table.
std::vector<std::string> solver_choices();

/// Throws UserError with the nearest name.
const SolverRow& find_solver(const std::string& name);

/// The solver of one of solver_choices(); nullptr for "auto". Throws UserError with the nearest name.
const SolverRow* chosen_solver(const std::string& choice);

/// Why the solver cannot follow a method's path (the path lacks its stochastic equation), naming the solvers
/// that can; "" if it can.
std::string solver_problem(const SolverRow& row, const method::Path& path, std::string_view method);

/// Takes x = x(start()) [n, L, C] to x(end()) by a Runge-Kutta solver; the arithmetic is in x's dtype.
Integration solve(const SolverRow& row, const Equation& equation, const at::Tensor& x,
                  const SolverOptions& options);

/// Takes x = x(start()) [n, L, C] to the data by any solver: of a fixed-step solver's steps the last is the
/// Euler step from end() to data() where the path has one (2 steps at least then); with row.lands it is the
/// denoised state of the step's begin.
Integration sample_path(const SolverRow& row, const PathEquation& equation, const at::Tensor& x,
                        const SolverOptions& options);

}  // namespace fluxsbi::sample
