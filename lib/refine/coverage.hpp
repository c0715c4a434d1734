// Expected coverage of a round's posterior on rows that it was not trained on.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "evidence/pairs.hpp"
#include "refine/region.hpp"

namespace fluxsbi::refine {

/// How often theta* lies in the region of highest density of the posterior given its own x that holds this
/// share of the posterior's mass (Hermans et al. 2021, arXiv 2110.06581).
struct Coverage {
  static constexpr std::array<double, 3> levels{0.50, 0.80, 0.95};
  /// A right posterior is called overconfident this often.
  static constexpr double false_alarms = 0.01;
  /// Of fewer pairs not much can be told.
  static constexpr int64_t fewest_pairs = 30;

  int64_t pairs = 0;
  std::array<int64_t, 3> covered{};  ///< pairs, for each level

  /// True where fewer are covered at some level than chance explains: the binomial's lower tail is below a
  /// third of false_alarms.
  bool overconfident() const;
  /// "52 / 80 / 94 % at 50 / 80 / 95 % (50 held-out pairs)"
  std::string text() const;
};

/// For pairs of the prior restricted to `region`: ranks of log q(theta* | x) among those of 59 draws each,
/// of which those outside the region, where no pair can lie, are left out. Draws are keyed by `seed`. Throws
/// core::Interrupted when a signal asked to stop.
Coverage find_coverage(sample::Posterior& posterior, const evidence::Pairs& pairs, const Region& region,
                       uint64_t seed);

}  // namespace fluxsbi::refine
