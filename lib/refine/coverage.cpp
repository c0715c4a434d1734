#include "refine/coverage.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "core/text.hpp"
#include "diagnose/binomial.hpp"
#include "experiment/draw_densities.hpp"

namespace fluxsbi::refine {

namespace {

// Sixty places for theta* among 59 draws, of which each level takes a whole number. Some more are drawn, for
// those that lie outside the region.
constexpr int64_t kept_draws = 59, made_draws = 80;
constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

// The first draws of each pair that lie in the region, [pairs, kept_draws, dim], NaN where there are fewer.
std::vector<double> draws_inside(sample::Posterior& posterior, const evidence::Pairs& pairs,
                                 const Region& region, uint64_t seed) {
  const auto drawn =
      posterior.sample(pairs.x, pairs.rows, made_draws, seed, 0, posterior.sampling());  // NaN: not filled
  const auto dim = static_cast<size_t>(posterior.shape().theta_size());
  const auto inside = region.contains(drawn.values);
  std::vector<double> kept(static_cast<size_t>(pairs.rows * kept_draws) * dim, nothing);
  for (int64_t row = 0; row < pairs.rows; ++row) {
    int64_t place = 0;
    for (int64_t i = 0; i < made_draws && place < kept_draws; ++i) {
      const auto number = static_cast<size_t>(row * made_draws + i);
      if (!inside[number]) continue;
      const auto to = static_cast<size_t>(row * kept_draws + place++) * dim;
      for (size_t j = 0; j < dim; ++j) kept[to + j] = drawn.values[number * dim + j];
    }
  }
  return kept;
}

std::vector<double> densities(sample::Posterior& posterior, const evidence::Pairs& pairs,
                              std::span<const double> theta, int64_t draws) {
  return experiment::densities_of_draws(posterior, {theta, pairs.x, pairs.rows, draws}, {},
                                        density_rule(posterior), {})
      .values;
}

}  // namespace

bool Coverage::overconfident() const {
  if (pairs == 0) return false;
  for (size_t i = 0; i < levels.size(); ++i) {
    if (diagnose::binomial_at_most(covered[i], pairs, levels[i]) < false_alarms / levels.size()) return true;
  }
  return false;
}

std::string Coverage::text() const {
  std::string found, wanted;
  for (size_t i = 0; i < levels.size(); ++i) {
    const double share = static_cast<double>(covered[i]) / static_cast<double>(std::max<int64_t>(1, pairs));
    found += (i ? " / " : "") + std::to_string(std::lround(100 * share));
    wanted += (i ? " / " : "") + std::to_string(std::lround(100 * levels[i]));
  }
  return found + " % at " + wanted + " % (" + core::count_text(pairs, "held-out pair") +
         (pairs < fewest_pairs ? ", too few to tell)" : ")");
}

Coverage find_coverage(sample::Posterior& posterior, const evidence::Pairs& pairs, const Region& region,
                       uint64_t seed) {
  if (pairs.rows == 0) return {};
  const auto of_theta = densities(posterior, pairs, pairs.theta, 1);
  const auto of_draws = densities(posterior, pairs, draws_inside(posterior, pairs, region, seed), kept_draws);
  Coverage coverage;
  for (int64_t row = 0; row < pairs.rows; ++row) {
    const double own = of_theta[static_cast<size_t>(row)];
    int64_t higher = 0, count = 0;
    for (int64_t i = 0; i < kept_draws; ++i) {
      const double value = of_draws[static_cast<size_t>(row * kept_draws + i)];
      if (std::isnan(value)) continue;
      ++count;
      if (value > own) ++higher;
    }
    if (count == 0) continue;  // nothing to compare theta* with
    ++coverage.pairs;
    for (size_t i = 0; i < Coverage::levels.size(); ++i) {
      if (static_cast<double>(higher) < Coverage::levels[i] * static_cast<double>(count + 1) - 1e-9)
        ++coverage.covered[i];
    }
  }
  return coverage;
}

}  // namespace fluxsbi::refine
