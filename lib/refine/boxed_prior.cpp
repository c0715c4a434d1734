#include "refine/boxed_prior.hpp"

#include <algorithm>
#include <limits>

#include "core/registry.hpp"

namespace fluxsbi::refine {

namespace {

// Which components depend on no other.
std::vector<uint8_t> independent(const data::Prior& prior) {
  const data::PriorOptions options = prior.options();
  const auto dim = static_cast<size_t>(prior.dim());
  if (options.kind == data::PriorKind::box || options.kind == data::PriorKind::normal ||
      options.kind == data::PriorKind::lognormal)
    return std::vector<uint8_t>(dim, 1);
  std::vector<uint8_t> found;
  if (options.kind == data::PriorKind::parameters) {
    for (const data::PriorPart& part : options.parameters->parts) {
      const auto* row = core::find_row(data::prior_kinds(), part.kind);
      found.insert(found.end(), static_cast<size_t>(data::part_size(part)), row && row->univariate ? 1 : 0);
    }
  }
  found.resize(dim, 0);
  return found;
}

// The probability that a component is at most `value`, by bisection of its quantiles.
double probability_below(const data::Prior& prior, size_t component, double value) {
  const auto [first, last] = prior.ends(component);
  if (value <= first) return 0;
  if (value >= last) return 1;
  double low = 0, high = 1;
  constexpr int halvings = 80;
  for (int i = 0; i < halvings; ++i) {
    const double middle = (low + high) / 2;
    if (middle <= low || middle >= high) break;
    (prior.quantile(component, middle) <= value ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace

bool Box::holds(std::span<const double> theta) const {
  for (size_t i = 0; i < theta.size(); ++i) {
    if (!(theta[i] >= low[i] && theta[i] <= high[i])) return false;
  }
  return true;
}

void Box::intersect(const Box& other) {
  for (size_t i = 0; i < low.size(); ++i) {
    low[i] = std::max(low[i], other.low[i]);
    high[i] = std::min(high[i], other.high[i]);
  }
}

Box whole_box(int64_t dim) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const auto size = static_cast<size_t>(dim);
  return {std::vector<double>(size, -infinity), std::vector<double>(size, infinity)};
}

BoxedPrior::BoxedPrior(const data::Prior& prior, const Box& box)
    : prior_(prior), cuts_(static_cast<size_t>(prior.dim())) {
  const auto free = independent(prior);
  for (size_t i = 0; i < cuts_.size(); ++i) {
    if (!free[i]) continue;
    const double below_low = probability_below(prior, i, box.low[i]);
    const double below_high = probability_below(prior, i, box.high[i]);
    if (below_low <= 0 && below_high >= 1) continue;
    cuts_[i] = {true, box.low[i], box.high[i], below_low, below_high};
    share_ *= std::max(0.0, below_high - below_low);
  }
}

void BoxedPrior::sample(core::Philox& random, std::span<double> theta) const {
  prior_.sample(random, theta);
  for (size_t i = 0; i < cuts_.size(); ++i) {
    if (cuts_[i].active) theta[i] = quantile(i, random.uniform_open());
  }
}

double BoxedPrior::quantile(size_t component, double p) const {
  const Cut& cut = cuts_[component];
  if (!cut.active) return prior_.quantile(component, p);
  const double of_prior = cut.below_low + p * (cut.below_high - cut.below_low);
  if (of_prior <= 0) return cut.low;
  if (of_prior >= 1) return cut.high;
  return std::clamp(prior_.quantile(component, of_prior), cut.low, cut.high);
}

bool BoxedPrior::component_in_support(size_t component, double value) const {
  const Cut& cut = cuts_[component];
  return prior_.component_in_support(component, value) &&
         (!cut.active || (value >= cut.low && value <= cut.high));
}

bool BoxedPrior::in_support(std::span<const double> theta, std::span<const uint8_t> given) const {
  for (size_t i = 0; i < theta.size(); ++i) {
    if (!component_in_support(i, theta[i])) return false;
  }
  return prior_.in_support(theta, given);
}

bool BoxedPrior::between_exact_ends(std::span<const double> theta) const {
  return prior_.between_exact_ends(theta);
}

}  // namespace fluxsbi::refine
