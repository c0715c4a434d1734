// Sums over neighbouring pairs: the arithmetic of the test `regions`.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/philox.hpp"
#include "diagnose/evidence.hpp"

namespace fluxsbi::diagnose {

/// Theta* and draws of each pair as normal scores of their ranks among each other.
struct Pools {
  struct Pool {
    std::vector<float> scores;  ///< [members, d], theta*'s first
    int64_t members = 0;
  };
  size_t d = 0;
  std::vector<Pool> pools;            ///< of the pairs that have draws
  std::vector<double> means;          ///< [pairs, d] of theta* and draws, data's units
  std::vector<double> centre, scale;  ///< [d] of these means over the pairs

  int64_t pairs() const { return std::ssize(pools); }
  /// theta*'s scores [pairs, d].
  std::vector<float> of_truth() const;
  /// Those of a random member of each pool.
  std::vector<float> of_random_members(core::Philox& random) const;
};
/// Ties are split at random.
Pools make_pools(const Evidence& evidence, uint64_t seed);

/// Pairs by their distance from some places.
struct Regions {
  std::vector<int64_t> sizes;                    ///< ascending
  std::vector<std::vector<int32_t>> neighbours;  ///< of each place, as many as the largest size
};
/// Around `places` [n, d], in the units of `pools.means`.
Regions make_regions(const Pools& pools, std::span<const double> places);

/// The largest statistic of each kind, and where.
struct Peak {
  double value = -1;
  size_t place = 0;
  int64_t size = 0;
};
struct Peaks {
  Peak shift, width;
};
/// scores: [pairs, d].
Peaks scan(const Regions& regions, std::span<const float> scores, size_t d);

}  // namespace fluxsbi::diagnose
