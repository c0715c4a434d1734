#include "data/tasks/plane_density.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/error.hpp"

namespace fluxsbi::data {

namespace {

constexpr int search_cells = 48, cells = 96;  // along each side
constexpr int narrowings = 4;
constexpr double negligible = 25;  // in log density below the maximum
constexpr double slack = 1.25;

// Coordinate `at` (in cells, 0 to count) along an axis of the box.
double along(const Rectangle& box, size_t axis, double at, int count) {
  return box.low[axis] + (box.high[axis] - box.low[axis]) * at / count;
}

}  // namespace

PlaneDensity::PlaneDensity(LogDensity log_density, const Rectangle& support)
    : log_density_(std::move(log_density)), box_(support) {
  for (int i = 0; i < narrowings; ++i) box_ = narrowed(box_);
  fill_cells();
}

Rectangle PlaneDensity::narrowed(const Rectangle& box) const {
  std::vector<double> values;  // [search_cells, search_cells], at the cells' centres
  for (int i = 0; i < search_cells; ++i) {
    for (int j = 0; j < search_cells; ++j) {
      values.push_back(
          log_density_(along(box, 0, i + 0.5, search_cells), along(box, 1, j + 0.5, search_cells)));
    }
  }
  const double most = *std::max_element(values.begin(), values.end());
  core::require(most > -std::numeric_limits<double>::infinity(), "a density is above 0 somewhere");
  std::array<int, 2> first{search_cells, search_cells}, last{-1, -1};
  for (int cell = 0; cell < search_cells * search_cells; ++cell) {
    if (values[static_cast<size_t>(cell)] < most - negligible) continue;
    const std::array<int, 2> at{cell / search_cells, cell % search_cells};
    for (size_t axis = 0; axis < 2; ++axis) {
      first[axis] = std::min(first[axis], at[axis]);
      last[axis] = std::max(last[axis], at[axis]);
    }
  }
  Rectangle result;
  for (size_t axis = 0; axis < 2; ++axis) {
    result.low[axis] = along(box, axis, std::max(first[axis] - 1, 0), search_cells);
    result.high[axis] = along(box, axis, std::min(last[axis] + 2, search_cells), search_cells);
  }
  return result;
}

void PlaneDensity::fill_cells() {
  constexpr int corners = cells + 1;
  std::vector<double> values;  // [corners, corners]
  for (int i = 0; i < corners; ++i) {
    for (int j = 0; j < corners; ++j) {
      values.push_back(log_density_(along(box_, 0, i, cells), along(box_, 1, j, cells)));
    }
  }
  log_max_ = *std::max_element(values.begin(), values.end());
  double sum = 0;
  for (int i = 0; i < cells; ++i) {
    for (int j = 0; j < cells; ++j) {
      const auto* corner = values.data() + i * corners + j;
      const double most = std::max({corner[0], corner[1], corner[corners], corner[corners + 1]});
      envelope_.push_back(slack * std::exp(most - log_max_));
      sum += envelope_.back();
      cumulative_.push_back(sum);
    }
  }
}

void PlaneDensity::sample(core::Philox& random, std::span<double> point) const {
  for (;;) {
    const double mass = random.uniform() * cumulative_.back();
    const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), mass);
    const auto cell = std::min<int64_t>(found - cumulative_.begin(), std::ssize(cumulative_) - 1);
    point[0] = along(box_, 0, static_cast<double>(cell / cells) + random.uniform(), cells);
    point[1] = along(box_, 1, static_cast<double>(cell % cells) + random.uniform(), cells);
    const double density = std::exp(log_density_(point[0], point[1]) - log_max_);
    if (random.uniform() * envelope_[static_cast<size_t>(cell)] < density) return;
  }
}

}  // namespace fluxsbi::data
