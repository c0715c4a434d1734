#include "sample/solver.hpp"

#include <array>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"
#include "sample/runge_kutta.hpp"

namespace fluxsbi::sample {

namespace {

template <const Tableau& tableau, int64_t default_steps>
Integration fixed(const method::Field& field, const at::Tensor& x, const SolverOptions& options) {
  return integrate_fixed(tableau, field, x, options.steps > 0 ? options.steps : default_steps);
}

// A fixed-step solver's row; the default steps stand once, here.
template <const Tableau& tableau, int64_t default_steps>
constexpr SolverRow fixed_row(std::string_view name, int order, std::string_view citation) {
  return {
      name, order, false, false, tableau.stages(), default_steps, citation, fixed<tableau, default_steps>};
}

// Default steps cost about a hundred evaluations of the network with every solver.
constexpr std::array<SolverRow, 5> rows{{
    fixed_row<euler_tableau, 100>("euler", 1, "Euler 1768, Institutiones calculi integralis"),
    fixed_row<midpoint_tableau, 50>("midpoint", 2, "Runge 1895, Mathematische Annalen 46"),
    fixed_row<heun_tableau, 50>("heun", 2, "Heun 1900, Zeitschrift fuer Mathematik und Physik 45"),
    fixed_row<rk4_tableau, 25>("rk4", 4, "Kutta 1901, Zeitschrift fuer Mathematik und Physik 46"),
    {"dopri5", 5, true, false, 6, 0,
     "Dormand and Prince 1980, Journal of Computational and Applied Mathematics 6", integrate_dopri5},
}};

}  // namespace

std::span<const SolverRow> solvers() {
  return rows;
}

const SolverRow& find_solver(const std::string& name) {
  std::vector<std::string> names;
  for (const SolverRow& row : rows) {
    if (row.name == name) return row;
    names.emplace_back(row.name);
  }
  throw core::UserError("sampling.solver = " + name + " is not known" + core::did_you_mean(name, names));
}

}  // namespace fluxsbi::sample
