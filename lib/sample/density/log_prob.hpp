// Log-densities of rows in the data's units, in chunks of bounded memory.
//
// What is computed is the density that the trained network's deterministic equation gives (density_equation),
//   log p(theta | x) = log p(z(end)) + d log signal(end) + sum of log dz/dtheta,
// d being the number of inferred elements, z(end) = signal(end) z the standardised theta (Standardiser) as
// the path's last state, and the sum over the inferred elements. Paths that end before the data (diffusion at
// its lowest noise level, score matching at time_min) therefore give the density of theta with that much
// noise added. It is -infinity outside a bounded prior's support; inside, it is not divided by the mass that
// the network leaves within the support. That mass is near 1 for a well-trained network; `sample` reports it
// as the fraction of draws that it keeps.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sample/draw.hpp"
#include "sample/options.hpp"
#include "sample/solver/solver.hpp"

namespace fluxsbi::sample {

/// How the divergence is found.
struct DivergenceOptions {
  bool exact = true;    ///< else Hutchinson's estimate
  int64_t probes = 10;  ///< of Hutchinson's estimate, >= 1; its standard error needs 2
  uint64_t seed = 0;    ///< of the probes, which are keyed by (seed, row, probe)
};

struct LogProbs {
  std::vector<double> values;           ///< [rows], natural logarithm; NaN where the solver failed
  std::vector<double> standard_errors;  ///< [rows], 0 outside the support; empty for the exact divergence
  int64_t outside = 0;                  ///< rows outside the prior's support
  int64_t evaluations = 0;              ///< of the slope, for the row that took most
};

/// The solver for a name of the table or "auto" (dopri5). Throws UserError for one that is not Runge-Kutta,
/// naming those that are: a stochastic equation cannot run backwards.
const SolverRow& density_solver(const std::string& name);

/// Throws UserError naming row `row` where its point is not finite.
void check_point(std::span<const double> point, int64_t row);

/// Throws UserError naming the first row of values [rows, size] that is not finite.
void check_points(std::span<const double> values, size_t size);

/// What a chunk may hold.
struct DensityMemory {
  int64_t pull_backs = 1;    ///< network evaluations with gradient at once, >= 1
  double state_bytes = 1e9;  ///< of the rows' states and directions
};

/// The log-density of the open tokens of each row of values [rows, L, C] given the others, and given the
/// observation whose number stands in bound [rows]. source.given says
/// which tokens are given; if it is empty, all are open. source.kept is not used. All rows must ask the same
/// question. Adaptive solvers keep the error of a step below a fifth of options.atol and options.rtol, and
/// that of the integrals below a fifth of atol, which leaves an error of about 10 atol at most in a result.
/// Chunks change results only by rounding. A warning names rows whose solver failed. Throws UserError for
/// values that are not finite (naming the row) and as density_solver, core::Interrupted when a signal asked
/// to stop.
LogProbs log_prob(const Source& source, std::span<const double> values, std::span<const int64_t> bound,
                  const DivergenceOptions& divergence, const SamplingOptions& options,
                  const DensityMemory& memory, const Progress& progress = {});

/// log_prob() of points that come block by block: the chunks, the keys of probes and so the numbers are those
/// of all points at once, and memory is that of a block and a chunk. Results come out in the order of points
/// as soon as their chunks are full.
class DensityBlocks {
 public:
  /// source must outlive it.
  DensityBlocks(const Source& source, const DivergenceOptions& divergence, const SamplingOptions& options,
                const DensityMemory& memory);
  ~DensityBlocks();

  /// The next points [n, L, C], and the number [n] by which source.bind knows each; negative: there is no
  /// point here, and the result is NaN. Throws core::Interrupted within a core::InterruptScope when a signal
  /// asked to stop.
  void add(std::span<const double> values, std::span<const int64_t> bound);
  /// Evaluates the points that wait for a chunk to be full. Points that follow are counted from 0 again, as
  /// by another call of log_prob().
  void end_part();
  /// The results of the first points that are all known, each of which is given once; `outside` counts these.
  LogProbs take();
  /// After the last point was taken: warns of points whose solver failed.
  void finish() const;

  /// Where take() has arrived; JSON. After restore() the points that follow those taken are to be added.
  std::string state() const;
  void restore(const std::string& state);

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

}  // namespace fluxsbi::sample
