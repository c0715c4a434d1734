#include "refine/truncated_draws.hpp"

#include <algorithm>
#include <span>

#include "core/error.hpp"
#include "core/stop.hpp"
#include "core/text.hpp"
#include "data/simulate/simulate.hpp"

namespace fluxsbi::refine {

namespace {

constexpr int64_t tested_at_once = 1024, tested_before_judging = 4096;

[[noreturn]] void fail_for_rare(int64_t accepted, int64_t candidates) {
  throw core::UserError(
      "the region of the posterior is too small a part of the prior to be hit by chance: " +
      core::count_text(accepted, "draw") + " of " + std::to_string(candidates) +
      " lay inside; parameters that the prior ties together (a multivariate normal, a Dirichlet) are drawn "
      "without cutting them, so give these independent priors or a narrower one, or stop after fewer rounds "
      "(--rounds)");
}

}  // namespace

std::optional<TruncatedDraws> draw_truncated(const data::Prior& prior, const Region& region, int64_t count,
                                             uint64_t seed, const Thinness& thin) {
  const BoxedPrior boxed(prior, region.box());
  if (boxed.share() <= 0) fail_for_rare(0, 0);
  const data::ThetaDraws draws(boxed, seed);
  const auto dim = static_cast<size_t>(prior.dim());
  TruncatedDraws found;
  std::vector<double> theta(dim), tested;
  std::vector<int64_t> numbers;  // of the candidates that are tested
  int64_t candidates = 0, tests = 0, passed = 0, accepted = 0;
  while (accepted < count) {
    core::interruption_point();
    tested.clear();
    numbers.clear();
    while (std::ssize(numbers) < tested_at_once && candidates < thin.candidates * (accepted + 1)) {
      draws.draw(candidates++, theta);
      if (candidates % tested_at_once == 0) core::interruption_point();
      if (!region.box().holds(theta)) continue;
      tested.insert(tested.end(), theta.begin(), theta.end());
      numbers.push_back(candidates);
    }
    const auto inside = region.contains(tested);
    tests += std::ssize(inside);
    for (size_t i = 0; i < inside.size() && accepted < count; ++i) {
      if (!inside[i]) continue;
      const auto begin = tested.begin() + static_cast<std::ptrdiff_t>(i * dim);
      found.theta.insert(found.theta.end(), begin, begin + static_cast<std::ptrdiff_t>(dim));
      // Candidates behind the last one that is needed say nothing: where to stop was theirs to decide.
      if (++accepted == count) candidates = numbers[i];
    }
    passed += std::count(inside.begin(), inside.end(), uint8_t{1});
    const auto share_of_box = static_cast<double>(passed) / static_cast<double>(std::max<int64_t>(1, tests));
    if (accepted < count && tests >= tested_before_judging && share_of_box < thin.least_inside) return {};
    if (candidates >= thin.candidates &&
        static_cast<double>(accepted) < thin.least_accepted * static_cast<double>(candidates))
      fail_for_rare(accepted, candidates);
  }
  found.share = boxed.share() * static_cast<double>(count) / static_cast<double>(candidates);
  return found;
}

}  // namespace fluxsbi::refine
