#include "sample/solver/solver.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/zeros_like.h>

#include "core/error.hpp"
#include "core/registry.hpp"
#include "core/text.hpp"
#include "sample/solver/multistep.hpp"
#include "sample/solver/runge_kutta.hpp"
#include "sample/solver/stochastic.hpp"

namespace fluxsbi::sample {

namespace {

constexpr const char* automatic = "auto";

constexpr SolverRow runge_kutta_row(std::string_view name, int order, const Tableau& tableau,
                                    int64_t default_steps, std::string_view citation) {
  return {name, order, false, false, tableau.stages(), default_steps, citation, &tableau, {}, nullptr, false};
}

template <class T>
std::unique_ptr<Stepper> make(const PathEquation& equation, const SolverRow& row,
                              const SolverOptions& options) {
  return std::make_unique<T>(equation, row, options);
}

// Default steps cost about a hundred evaluations of the network with every deterministic solver.
constexpr std::array rows{
    runge_kutta_row("euler", 1, euler_tableau, 100, "Euler 1768, Institutiones calculi integralis"),
    runge_kutta_row("midpoint", 2, midpoint_tableau, 50, "Runge 1895, Mathematische Annalen 46"),
    runge_kutta_row("heun", 2, heun_tableau, 50, "Heun 1900, Zeitschrift fuer Mathematik und Physik 45"),
    runge_kutta_row("rk4", 4, rk4_tableau, 25, "Kutta 1901, Zeitschrift fuer Mathematik und Physik 46"),
    SolverRow{"adams_bashforth",
              2,
              false,
              false,
              1,
              100,
              "Bashforth and Adams 1883, An Attempt to Test the Theories of Capillary Action",
              nullptr,
              {},
              make<AdamsBashforth>},
    SolverRow{"dpmpp_2m",
              2,
              false,
              false,
              1,
              100,
              "Lu et al. 2022, DPM-Solver++, arXiv 2211.01095",
              nullptr,
              {},
              make<DpmSolver>},
    SolverRow{"ddim",
              1,
              false,
              false,
              1,
              100,
              "Song, Meng, Ermon 2021, DDIM, arXiv 2010.02502",
              nullptr,
              {},
              make<Ddim>,
              /*lands=*/true},
    SolverRow{"dopri5",
              5,
              true,
              false,
              6,
              0,
              "Dormand and Prince 1980, Journal of Computational and Applied Mathematics 6",
              &dopri5_tableau,
              {},
              nullptr},
    SolverRow{"euler_maruyama",
              1,
              false,
              true,
              1,
              1000,
              "Maruyama 1955, Rendiconti del Circolo Matematico di Palermo 4",
              nullptr,
              {},
              make<EulerMaruyama>},
    SolverRow{"zero_ends", 1, false, true, 1, 1000, "flow's stochastic equation, arXiv 2410.02217", nullptr,
              method::Sde::zero_ends, make<EulerMaruyama>},
    SolverRow{"non_singular", 1, false, true, 1, 1000, "flow's stochastic equation, arXiv 2410.02217",
              nullptr, method::Sde::non_singular, make<EulerMaruyama>},
    SolverRow{"predictor_corrector",
              1,
              false,
              true,
              2,
              500,
              "Song et al. 2021, arXiv 2011.13456",
              nullptr,
              {},
              make<PredictorCorrector>},
    SolverRow{"edm_heun", 1, false, true, 2, 50, "Karras et al. 2022, arXiv 2206.00364, algorithm 2", nullptr,
              method::Sde::reverse, make<EdmHeun>},
};

bool can_solve(const SolverRow& row, const method::Path& path) {
  const auto sdes = path.sdes();
  return !row.sde || std::find(sdes.begin(), sdes.end(), *row.sde) != sdes.end();
}

// Fills rows that hold a non-finite number with NaN.
void mark_failed(Integration& result) {
  result.failed = at::isfinite(result.x).flatten(1).all(1).logical_not();  // [n]
  result.x = result.x.masked_fill(result.failed.view({-1, 1, 1}), std::numeric_limits<double>::quiet_NaN());
  if (!result.exhausted.defined()) result.exhausted = at::zeros_like(result.failed);
}

// All steps but the last along the grid, and from there to the data.
at::Tensor land(Stepper& stepper, const PathEquation& equation, const at::Tensor& x,
                const SolverOptions& options) {
  const std::vector<double> times = grid(equation, options.steps, options.spacing);
  const size_t last = times.size() - 2;
  at::Tensor state = x;
  for (size_t i = 0; i < last; ++i) state = stepper.take({times[i], times[i + 1]}, state);
  return equation.denoised(times[last], state);
}

// What solve() does, without a look at what failed.
Integration integrate(const SolverRow& row, const Equation& equation, const at::Tensor& x,
                      const SolverOptions& options) {
  core::require(row.tableau != nullptr, "only Runge-Kutta solvers solve any equation");
  if (row.adaptive) return integrate_dopri5(equation, x, options);
  RungeKutta stepper(*row.tableau, equation);
  const int64_t steps = options.steps > 0 ? options.steps : row.default_steps;
  Integration result;
  result.x = take_steps(stepper, equation, x, steps, options.spacing);
  result.evaluations = steps * row.evaluations_per_step;
  return result;
}

}  // namespace

at::Tensor euler_step_to_data(const PathEquation& equation, const at::Tensor& x) {
  const double from = equation.end();
  return x + (equation.path().data() - from) * equation.slope_at(from, x);
}

at::Tensor take_steps(Stepper& stepper, const Equation& equation, const at::Tensor& x, int64_t steps,
                      double spacing) {
  core::require(steps >= 1 && x.dim() == 3, "a fixed-step solver needs a step and x [n, L, C]");
  const std::vector<double> times = grid(equation, steps, spacing);
  at::Tensor state = x;
  for (size_t i = 0; i + 1 < times.size(); ++i) {
    state = stepper.take({times[i], times[i + 1], i + 2 == times.size()}, state);
  }
  return state;
}

std::span<const SolverRow> solvers() {
  return rows;
}

std::vector<std::string> solver_choices() {
  std::vector<std::string> names = core::row_names(rows);
  names.insert(names.begin(), automatic);
  return names;
}

const SolverRow& find_solver(const std::string& name) {
  if (const SolverRow* row = core::find_row(rows, name)) return *row;
  throw core::UserError("sampling.solver = " + name + " is not known" +
                        core::did_you_mean(name, solver_choices()));
}

const SolverRow* chosen_solver(const std::string& choice) {
  return choice == automatic ? nullptr : &find_solver(choice);
}

std::string solver_problem(const SolverRow& row, const method::Path& path, std::string_view method) {
  if (can_solve(row, path)) return "";
  std::vector<std::string> able;
  for (const SolverRow& other : rows) {
    if (can_solve(other, path)) able.emplace_back(other.name);
  }
  return "= " + std::string(row.name) + " cannot sample a model of strategy.method = " + std::string(method) +
         "; these can: " + core::join(able);
}

Integration solve(const SolverRow& row, const Equation& equation, const at::Tensor& x,
                  const SolverOptions& options) {
  Integration result = integrate(row, equation, x, options);
  if (!row.adaptive) mark_failed(result);
  return result;
}

Integration sample_path(const SolverRow& row, const PathEquation& equation, const at::Tensor& x,
                        const SolverOptions& options) {
  const bool apart = equation.path().data() != equation.end();
  SolverOptions inner = options;
  if (inner.steps == 0) inner.steps = row.default_steps;
  const int64_t steps = std::max<int64_t>(inner.steps - apart, 1);  // up to end()
  Integration result;
  if (row.lands && apart) {
    result.x = land(*row.stepper(equation, row, inner), equation, x, inner);
    result.evaluations = inner.steps;
    mark_failed(result);
    return result;
  }
  if (row.tableau) {
    inner.steps = steps;
    result = integrate(row, equation, x, inner);
    if (apart) result.x = euler_step_to_data(equation, result.x);
  } else {
    const auto stepper = row.stepper(equation, row, inner);
    result.x = take_steps(*stepper, equation, x, steps, options.spacing);
    result.evaluations = steps * row.evaluations_per_step;
    if (apart) result.x = stepper->to_data(equation, result.x);
  }
  result.evaluations += apart;
  mark_failed(result);
  return result;
}

}  // namespace fluxsbi::sample
