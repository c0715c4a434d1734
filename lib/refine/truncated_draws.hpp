// Draws of the prior restricted to a region.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "refine/region.hpp"

namespace fluxsbi::refine {

struct TruncatedDraws {
  std::vector<double> theta;  ///< [count, dim]
  double share = 1;           ///< of the prior's mass that lies in the region, estimated from the draws
};

/// How hard the region may be to hit.
struct Thinness {
  /// The least share of the box that passes the density thresholds; fewer, after some thousand tries: no
  /// draws are returned.
  double least_inside = 0;
  /// The least share of candidates that lie in the region, after so many of them.
  double least_accepted = 1e-6;
  int64_t candidates = 10'000'000;
};

/// `count` draws. Candidates are numbered draws of the prior, cut to the region's box where its components
/// are independent (BoxedPrior), and those inside the region are taken in their order: row i depends on
/// (seed, region) alone. Rounded to float32 as data::ThetaDraws rounds. Throws UserError where fewer than
/// thin.least_accepted of the candidates are accepted, core::Interrupted when a signal asked to stop.
std::optional<TruncatedDraws> draw_truncated(const data::Prior& prior, const Region& region, int64_t count,
                                             uint64_t seed, const Thinness& thin = {});

}  // namespace fluxsbi::refine
