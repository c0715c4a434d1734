// Posterior modes: the theta of highest log-density, found from samples by gradient ascent.
//
// For each observation, samples are drawn and ranked by log-density (at a loose tolerance). The best ones are
// starts of an ascent at noise levels sigma that fall from level to level. Each step is
//   theta += sigma^2 score(theta, sigma) = D(theta; sigma) - theta,
// the mean shift of the density of theta blurred by sigma (Comaniciu and Meer 2002, IEEE PAMI 24). With an
// exact network every step climbs that density. Where theta is learned on the whole line (prior.transform),
// the gradient of log dz/dtheta is added. A component that would leave the prior's support stops at its edge.
// After each level the log-density itself is computed, and a start whose density did not grow is put back.
// The result is the best point that was seen, so its log_prob is never below that of the best sample.
//
// The density of an ensemble is the mean of its members' densities, and its score the mean of theirs weighted
// by their shares of the density. So a step leads to the mean of where the members' steps lead, with the
// shares that they have where the steps of a level begin.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sample/density/log_prob.hpp"
#include "sample/draw.hpp"
#include "sample/prior_ratio.hpp"

namespace fluxsbi::sample {

struct ModeOptions {
  int64_t draws = 1000;  ///< samples for each observation, >= 1
  int64_t top = 10;      ///< how many of them climb, >= 1
};

struct Modes {
  /// [rows, theta_dim, channels], data's units; NaN where no sample could be drawn
  std::vector<double> theta;
  std::vector<double> log_prob;  ///< [rows]
  int64_t climbed = 0;           ///< rows whose best point is not a sample
  /// A feature of which float32 cannot resolve a hundredth of the samples' spread (coarse_column).
  std::optional<int64_t> coarse;
};

/// The modes from `samples` of the sources' rows: one source, or those of an ensemble's members, which ask
/// the same question of the same rows. ratio: modes are those of the density times this ratio of priors, and
/// log_prob is the logarithm of that product; null: of the density. Of `options` atol, rtol and
/// max_evaluations count, for the log-densities, which dopri5 computes.
Modes find_modes(std::span<const Source* const> sources, const Samples& samples, const ModeOptions& modes,
                 const SamplingOptions& options, const DensityMemory& memory,
                 const PriorRatio* ratio = nullptr);

}  // namespace fluxsbi::sample
