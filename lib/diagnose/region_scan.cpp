#include "diagnose/region_scan.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "data/prior/special_functions.hpp"
#include "diagnose/moments.hpp"
#include "diagnose/ranks.hpp"

namespace fluxsbi::diagnose {

namespace {

constexpr int64_t most_pooled = 200, least_region = 20;
constexpr uint32_t pool_tie_stream = (3U << 30) + 4;

// Normal scores of the ranks of each column of values [members, d].
std::vector<float> normal_scores(std::span<const double> values, size_t d, core::Philox& random) {
  const size_t members = values.size() / d;
  std::vector<float> scores(values.size());
  std::vector<std::pair<double, double>> keys(members);  // value, and what splits ties
  std::vector<size_t> order(members);
  for (size_t j = 0; j < d; ++j) {
    for (size_t m = 0; m < members; ++m) keys[m] = {values[m * d + j], random.uniform()};
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return keys[a] < keys[b]; });
    for (size_t rank = 0; rank < members; ++rank)
      scores[order[rank] * d + j] = static_cast<float>(
          data::normal_quantile((static_cast<double>(rank) + 0.5) / static_cast<double>(members)));
  }
  return scores;
}

}  // namespace

std::vector<float> Pools::of_truth() const {
  std::vector<float> scores;
  for (const Pool& pool : pools)
    scores.insert(scores.end(), pool.scores.begin(), pool.scores.begin() + static_cast<std::ptrdiff_t>(d));
  return scores;
}

std::vector<float> Pools::of_random_members(core::Philox& random) const {
  std::vector<float> scores;
  scores.reserve(pools.size() * d);
  for (const Pool& pool : pools) {
    const auto first = pool.scores.begin() +
                       static_cast<std::ptrdiff_t>(random.below(static_cast<uint64_t>(pool.members)) * d);
    scores.insert(scores.end(), first, first + static_cast<std::ptrdiff_t>(d));
  }
  return scores;
}

Pools make_pools(const Evidence& evidence, uint64_t seed) {
  Pools result;
  result.d = evidence.names.size();
  for (int64_t n = 0; n < evidence.pairs; ++n) {
    const auto theta = std::span(evidence.theta).subspan(static_cast<size_t>(n) * result.d, result.d);
    std::vector<double> members(theta.begin(), theta.end());
    for (int64_t l = 0; l < std::min(evidence.draws, most_pooled); ++l) {
      const auto draw = draw_of(evidence, n, l);
      if (is_filled(draw)) members.insert(members.end(), draw.begin(), draw.end());
    }
    if (members.size() == result.d) continue;
    core::Philox random(seed, room_purpose, static_cast<uint64_t>(n), pool_tie_stream);
    result.pools.push_back(
        {normal_scores(members, result.d, random), static_cast<int64_t>(members.size() / result.d)});
    for (size_t j = 0; j < result.d; ++j) result.means.push_back(moments_of(members, j, result.d).mean);
  }
  for (size_t j = 0; j < result.d; ++j) {
    const Moments moments = moments_of(result.means, j, result.d);
    result.centre.push_back(moments.mean);
    result.scale.push_back(moments.deviation > 0 ? moments.deviation : 1);
  }
  return result;
}

Regions make_regions(const Pools& pools, std::span<const double> places) {
  const size_t d = pools.d;
  const int64_t pairs = pools.pairs();
  Regions regions;
  for (const int64_t part : {40, 20, 10, 5}) {
    const int64_t size = std::min(pairs, std::max(least_region, pairs / part));
    if (regions.sizes.empty() || size > regions.sizes.back()) regions.sizes.push_back(size);
  }
  std::vector<std::pair<double, int32_t>> distances(static_cast<size_t>(pairs));
  for (size_t place = 0; place < places.size(); place += d) {
    for (size_t n = 0; n < distances.size(); ++n) {
      double squares = 0;
      for (size_t j = 0; j < d; ++j) {
        const double step = (pools.means[n * d + j] - places[place + j]) / pools.scale[j];
        squares += step * step;
      }
      distances[n] = {squares, static_cast<int32_t>(n)};
    }
    const auto largest = distances.begin() + regions.sizes.back();
    std::partial_sort(distances.begin(), largest, distances.end());
    std::vector<int32_t>& near = regions.neighbours.emplace_back();
    for (auto at = distances.begin(); at != largest; ++at) near.push_back(at->second);
  }
  return regions;
}

Peaks scan(const Regions& regions, std::span<const float> scores, size_t d) {
  Peaks peaks;
  std::vector<double> shift(d), width(d);
  for (size_t place = 0; place < regions.neighbours.size(); ++place) {
    std::fill(shift.begin(), shift.end(), 0.0);
    std::fill(width.begin(), width.end(), 0.0);
    size_t next = 0;  // of the neighbours
    for (const int64_t size : regions.sizes) {
      for (; std::cmp_less(next, size); ++next) {
        const float* z = scores.data() + static_cast<size_t>(regions.neighbours[place][next]) * d;
        for (size_t j = 0; j < d; ++j) {
          const double score = static_cast<double>(z[j]);
          shift[j] += score;
          width[j] += score * score - 1;
        }
      }
      double shifts = 0, widths = 0;
      for (size_t j = 0; j < d; ++j) {
        shifts += shift[j] * shift[j] / static_cast<double>(size);
        widths += width[j] * width[j] / static_cast<double>(2 * size);
      }
      if (shifts > peaks.shift.value) peaks.shift = {shifts, place, size};
      if (widths > peaks.width.value) peaks.width = {widths, place, size};
    }
  }
  return peaks;
}

}  // namespace fluxsbi::diagnose
