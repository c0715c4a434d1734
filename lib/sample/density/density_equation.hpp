// The density that a path's deterministic equation gives a state, by the instantaneous change of variables
// (Chen et al. 2018, arXiv 1806.07366; Grathwohl et al. 2019, arXiv 1810.01367):
//   log p(x(end)) = log N(x(start); 0, initial_scale^2) - integral from start to end of div v(x(t), t) dt,
// the integral being taken along x(t) back from end() to start(). The velocity is linear in x and in
// the network, v = c_x x + c_F F(s x), so that
//   div v = c_x (number of inferred elements) + c_F s tr dF/dx,
// and the trace is a sum of products u^T (dF/dx) u, each a vector-Jacobian product of the network:
//   exact       u = the unit vectors of the inferred elements;
//   Hutchinson  the mean over probes u of independent signs (Hutchinson 1990, Communications in Statistics
//               19), which stay the same along a row's path.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>

#include <ATen/core/Tensor.h>

#include "sample/solver/equation.hpp"
#include "sample/solver/solver.hpp"

namespace fluxsbi::sample {

/// Directions u along which the Jacobian is measured, over the E = L C elements of a state.
struct Directions {
  at::Tensor vectors;    ///< [n or 1, k, E] float32, 0 at given elements
  bool exact = true;     ///< they span all inferred elements: their products are summed, not averaged
  int64_t inferred = 0;  ///< elements
};

/// The unit vectors of the elements that `free` [L, C] (bool, on the CPU) marks; at least one.
Directions unit_directions(const at::Tensor& free, at::Device device);

/// Random signs at the elements that `free` marks, keyed by (seed, rows[i], probe).
Directions random_directions(const at::Tensor& free, uint64_t seed, std::span<const int64_t> rows,
                             int64_t probes, at::Device device);

/// State and integrals of the divergence, [n, 1, E + m]: m = 1 for exact directions, else one for each probe.
/// Integrals are kept divided by sqrt(m), so that together they weigh as much in a solver's error as one.
class DensityEquation final : public Equation {
 public:
  /// free [L, C] bool, on the device: elements that are inferred; the others stand still at 0. No call of
  /// `pull_back` has more than `at_once` items. `spacing` > 0, of fixed-step solvers: the steps are those of
  /// a sampler's grid() with this spacing, taken backwards. path must outlive the equation.
  DensityEquation(const method::Path& path, PullBack pull_back, at::Tensor free, Directions directions,
                  int64_t at_once, double spacing = 1);

  double start() const override { return path_.end(); }
  double end() const override { return path_.start(); }
  double time(double part) const override { return path_.time(1 - std::pow(part, spacing_)); }
  at::Tensor slope(const at::Tensor& t, const at::Tensor& state, const at::Tensor& rows) const override;

  const method::Path& path() const { return path_; }
  const at::Tensor& free() const { return free_; }
  bool exact() const { return directions_.exact; }
  int64_t integrals() const { return directions_.exact ? 1 : directions_.vectors.size(1); }
  int64_t inferred() const { return inferred_; }

 private:
  struct Measured {
    at::Tensor output;    // F [n, L, C]
    at::Tensor products;  // u^T (dF/dx) u [n, k]
  };
  Measured measure(const at::Tensor& time, const at::Tensor& x, const at::Tensor& rows) const;

  const method::Path& path_;
  PullBack pull_back_;
  at::Tensor free_;
  Directions directions_;
  int64_t at_once_, inferred_;
  double spacing_;
};

/// Log-densities of n states at the path's end(), in the state's own units.
struct LogDensity {
  at::Tensor value;           ///< [n] float64; NaN for rows that failed
  at::Tensor standard_error;  ///< [n] float64, of the mean over probes (NaN for one probe); undefined: exact
  at::Tensor exhausted;       ///< [n] bool: an adaptive solver's evaluations ran out
  int64_t evaluations = 0;    ///< of the slope, for the row that took most
};

/// log p(x(end())) of the inferred elements of x [n, L, C] given the others, by a Runge-Kutta solver;
/// arithmetic outside the network is in float64.
LogDensity log_density(const DensityEquation& equation, const SolverRow& row, const at::Tensor& x,
                       SolverOptions options);

}  // namespace fluxsbi::sample
