#include "refine/region.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fluxsbi::refine {

namespace {

constexpr int64_t box_draws = 10000, fewest_densities = 1000;
constexpr double draws_below = 10;  // tau of fewer is noisy

// The draws that could be made, [filled, dim].
std::vector<double> filled_draws(sample::Posterior& posterior, std::span<const double> x, uint64_t seed) {
  const sample::Samples drawn = posterior.sample(x, 1, box_draws, seed, 0, posterior.sampling());
  const auto dim = static_cast<size_t>(posterior.shape().theta_size());
  std::vector<double> theta;
  for (size_t i = 0; i < drawn.filled.size(); ++i) {
    if (!drawn.filled[i]) continue;
    const auto begin = drawn.values.begin() + static_cast<std::ptrdiff_t>(i * dim);
    theta.insert(theta.end(), begin, begin + static_cast<std::ptrdiff_t>(dim));
  }
  return theta;
}

Box box_of(std::span<const double> theta, const data::Prior* prior, size_t dim) {
  Box box{std::vector<double>(theta.begin(), theta.begin() + static_cast<std::ptrdiff_t>(dim)), {}};
  box.high = box.low;
  for (size_t i = 0; i < theta.size(); ++i) {
    box.low[i % dim] = std::min(box.low[i % dim], theta[i]);
    box.high[i % dim] = std::max(box.high[i % dim], theta[i]);
  }
  for (size_t i = 0; i < dim; ++i) {
    const double margin = box_margin * (box.high[i] - box.low[i]);
    box.low[i] -= margin;
    box.high[i] += margin;
    if (!prior) continue;
    const auto [first, last] = prior->ends(i);
    box.low[i] = std::max(box.low[i], first);
    box.high[i] = std::min(box.high[i], last);
  }
  return box;
}

}  // namespace

Box hull_of_forms(const Box& box, std::span<const data::SignedPermutation> forms) {
  Box hull = box;
  for (const data::SignedPermutation& form : forms) {
    for (size_t i = 0; i < form.size(); ++i) {  // value i of the form is sign[i] theta[from[i]]
      const auto from = static_cast<size_t>(form.from[i]);
      const double one = form.sign[i] * box.low[i], other = form.sign[i] * box.high[i];
      hull.low[from] = std::min({hull.low[from], one, other});
      hull.high[from] = std::max({hull.high[from], one, other});
    }
  }
  return hull;
}

// Ranks of draws do with 7 steps. Far from the posterior these find densities that are too high by powers of
// e, and regions five times as large (docs/refine.md).
sample::SamplingOptions density_rule(const sample::Posterior& posterior) {
  sample::SamplingOptions rule = posterior.sampling();
  rule.solver = "midpoint";
  rule.steps = 16;
  rule.spacing.reset();
  return rule;
}

std::vector<double> densities_at(sample::Posterior& posterior, std::span<const double> theta,
                                 std::span<const double> x) {
  const int64_t rows = std::ssize(theta) / posterior.shape().theta_size();
  if (rows == 0) return {};
  return posterior.log_prob(theta, rows, x, 1, {}, density_rule(posterior)).values;
}

int64_t place_of_least(double epsilon, int64_t draws) {
  const auto below = static_cast<int64_t>(std::floor(epsilon * static_cast<double>(draws + 1)));
  return std::clamp<int64_t>(below - 1, 0, draws - 1);
}

namespace {

// Which theta [rows, dim] have a form with at least this log-density. Those that have it as they are, most
// of a region's, need no look at their other forms.
std::vector<uint8_t> reaches(sample::Posterior& posterior, std::span<const double> theta,
                             std::span<const double> x, std::span<const data::SignedPermutation> forms,
                             double least) {
  const auto dim = static_cast<size_t>(posterior.shape().theta_size());
  const size_t rows = theta.size() / dim;
  std::vector<uint8_t> found(rows, 0);
  std::vector<double> formed;
  std::vector<size_t> asked;
  for (size_t number = 0; number < std::max<size_t>(1, forms.size()); ++number) {
    formed.clear();
    asked.clear();
    for (size_t row = 0; row < rows; ++row) {
      if (found[row]) continue;
      asked.push_back(row);
      const auto point = theta.subspan(row * dim, dim);
      formed.insert(formed.end(), point.begin(), point.end());
      if (!forms.empty()) forms[number].apply(point, std::span(formed).last(dim));
    }
    const auto values = densities_at(posterior, formed, x);
    for (size_t i = 0; i < asked.size(); ++i) found[asked[i]] = values[i] >= least ? 1 : 0;
  }
  return found;
}

}  // namespace

Bounds find_bounds(sample::Posterior& posterior, std::span<const double> x, double epsilon, uint64_t seed) {
  const auto dim = static_cast<size_t>(posterior.shape().theta_size());
  const std::vector<double> theta = filled_draws(posterior, x, seed);
  const int64_t rows = std::ssize(theta) / static_cast<int64_t>(dim);
  if (rows < box_draws / 2)
    throw core::UserError("only " + std::to_string(rows) + " of " + std::to_string(box_draws) +
                          " draws of the posterior lie inside the prior's support, so no region can be told; "
                          "the observation may be unlike all simulations (fluxsbi check), or the network has "
                          "learned too little: raise --simulations");
  Bounds bounds{box_of(theta, posterior.prior(), dim), 0};
  const auto wanted = std::min(draws_below / epsilon, static_cast<double>(box_draws));
  const int64_t count = std::min(rows, std::max(fewest_densities, static_cast<int64_t>(std::ceil(wanted))));
  auto values = densities_at(posterior, std::span(theta).first(static_cast<size_t>(count) * dim), x);
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  core::require(!values.empty(), "draws within the support have a density");
  const int64_t place = place_of_least(epsilon, std::ssize(values));
  std::nth_element(values.begin(), values.begin() + place, values.end());
  bounds.least = values[static_cast<size_t>(place)];
  return bounds;
}

std::vector<uint8_t> Region::contains(std::span<const double> theta) const {
  const size_t dim = box_.low.size(), rows = theta.size() / dim;
  std::vector<uint8_t> inside(rows, 0);
  std::vector<size_t> left;
  std::vector<double> points;
  for (size_t row = 0; row < rows; ++row) {
    if (box_.holds(theta.subspan(row * dim, dim))) left.push_back(row);
  }
  // The newest posterior is the narrowest, so the others are asked about fewer points.
  for (auto floor = floors_.rbegin(); floor != floors_.rend(); ++floor) {
    points.clear();
    for (const size_t row : left) {
      const auto point = theta.subspan(row * dim, dim);
      points.insert(points.end(), point.begin(), point.end());
    }
    const auto inside_floor = reaches(*floor->posterior, points, x_, floor->forms, floor->least);
    std::vector<size_t> above;
    for (size_t i = 0; i < left.size(); ++i) {
      if (inside_floor[i]) above.push_back(left[i]);
    }
    left = std::move(above);
  }
  for (const size_t row : left) inside[row] = 1;
  return inside;
}

}  // namespace fluxsbi::refine
