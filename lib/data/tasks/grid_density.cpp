#include "data/tasks/grid_density.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/error.hpp"

namespace fluxsbi::data {

namespace {

constexpr int narrowings = 4;
constexpr double negligible = 25;  // in log density below the maximum
constexpr double cell_slack = 1.25;

// Coordinate `at` (in cells, 0 to count) along an axis of the box.
double along(const Box& box, size_t axis, double at, int count) {
  return box.low[axis] + (box.high[axis] - box.low[axis]) * at / count;
}

// Calls visit(index [dim]) for all index vectors of 0 to count - 1, the last entry running fastest.
template <class Visit>
void for_each_index(size_t dim, int count, Visit visit) {
  std::vector<int> index(dim);
  for (;;) {
    visit(std::as_const(index));
    size_t axis = dim;
    while (axis > 0 && ++index[axis - 1] == count) index[--axis] = 0;
    if (axis == 0) return;
  }
}

}  // namespace

GridDensity::GridDensity(LogDensity log_density, const Box& support, int cells)
    : log_density_(std::move(log_density)), box_(support), cells_(cells) {
  core::require(box_.low.size() == box_.high.size() && cells >= 2, "a grid has bounds and cells");
  for (int i = 0; i < narrowings; ++i) box_ = narrowed(box_);
  fill_cells();
}

std::vector<double> GridDensity::values(const Box& box, int count, double shift) const {
  const size_t dim = box.low.size();
  std::vector<double> values, point(dim);
  for_each_index(dim, count, [&](const std::vector<int>& index) {
    for (size_t axis = 0; axis < dim; ++axis) {
      point[axis] = along(box, axis, index[axis] + shift, shift > 0 ? count : count - 1);
    }
    values.push_back(log_density_(point));
  });
  return values;
}

Box GridDensity::narrowed(const Box& box) const {
  const size_t dim = box.low.size();
  const int count = cells_ / 2;
  const std::vector<double> values = this->values(box, count, 0.5);  // at the cells' centres
  const double most = *std::max_element(values.begin(), values.end());
  core::require(most > -std::numeric_limits<double>::infinity(), "a density is above 0 somewhere");
  std::vector<int> first(dim, count), last(dim, -1);
  auto value = values.begin();
  for_each_index(dim, count, [&](const std::vector<int>& index) {
    if (*value++ < most - negligible) return;
    for (size_t axis = 0; axis < dim; ++axis) {
      first[axis] = std::min(first[axis], index[axis]);
      last[axis] = std::max(last[axis], index[axis]);
    }
  });
  Box result = box;
  for (size_t axis = 0; axis < dim; ++axis) {
    result.low[axis] = along(box, axis, std::max(first[axis] - 1, 0), count);
    result.high[axis] = along(box, axis, std::min(last[axis] + 2, count), count);
  }
  return result;
}

void GridDensity::fill_cells() {
  const size_t dim = box_.low.size();
  const std::vector<double> values = this->values(box_, cells_ + 1, 0);  // at the cells' corners
  log_max_ = *std::max_element(values.begin(), values.end());
  // Where a corner stands in the row of them all
  const auto place = [&](const std::vector<int>& index) {
    size_t at = 0;
    for (const int i : index) at = at * static_cast<size_t>(cells_ + 1) + static_cast<size_t>(i);
    return at;
  };
  std::vector<size_t> corners;  // of a cell, from its first
  for_each_index(dim, 2, [&](const std::vector<int>& index) { corners.push_back(place(index)); });
  double sum = 0;
  for_each_index(dim, cells_, [&](const std::vector<int>& cell) {
    double most = -std::numeric_limits<double>::infinity();
    for (const size_t corner : corners) most = std::max(most, values[place(cell) + corner]);
    envelope_.push_back(cell_slack * std::exp(most - log_max_));
    sum += envelope_.back();
    cumulative_.push_back(sum);
  });
}

void GridDensity::sample(core::Philox& random, std::span<double> point) const {
  const size_t dim = box_.low.size(), count = static_cast<size_t>(cells_);
  for (;;) {
    const double mass = random.uniform() * cumulative_.back();
    const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), mass);
    const auto cell =
        static_cast<size_t>(std::min<int64_t>(found - cumulative_.begin(), std::ssize(cumulative_) - 1));
    for (size_t axis = dim, rest = cell; axis-- > 0; rest /= count) {
      point[axis] = static_cast<double>(rest % count);
    }
    for (size_t axis = 0; axis < dim; ++axis) {
      point[axis] = along(box_, axis, point[axis] + random.uniform(), cells_);
    }
    const double density = std::exp(log_density_(point.first(dim)) - log_max_);
    if (random.uniform() * envelope_[cell] < density) return;
  }
}

}  // namespace fluxsbi::data
