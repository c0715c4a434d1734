#include "sample/density/ascent_step.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace fluxsbi::sample {

namespace {

constexpr int bisections = 30;           // of a step that leaves the support: beyond what a mode is known to
constexpr int halvings = 12;             // of a step that would lower the density
constexpr double difference = 1.0 / 50;  // of the noise level, over which log r is differentiated

}  // namespace

void AscentStep::take(std::span<double> values, std::span<const int64_t> rows, std::span<const double> next,
                      double level) const {
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto value = values.subspan(i * size(), size());
    const auto to = next.subspan(i * size(), size());
    if (ratio_) {
      move_by_ratio(value, rows[i], to, level);
    } else {
      move(value, to);
    }
  }
}

// Takes each inferred component to its new value, or towards it as far as the prior's support reaches.
void AscentStep::move(std::span<double> value, std::span<const double> next) const {
  for (size_t component = 0; component < kept(); ++component) {
    if (std::isfinite(next[component])) value[component] = reach(value, component, next[component]);
  }
}

// `target` where that lies in the support beside the other values of the row, else the last supported value
// on the way there from the component's own.
double AscentStep::reach(std::span<const double> row, size_t component, double target) const {
  if (component >= dim()) return target;
  std::vector<double> theta(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(dim()));
  std::vector<uint8_t> given(dim(), 1);
  given[component] = 0;
  const auto supported = [&](double value) {
    theta[component] = value;
    return (!source_.prior || source_.prior->in_support(theta, given)) &&
           (!ratio_ || ratio_->other().in_support(theta, given));
  };
  if (supported(target)) return target;
  double inside = row[component];
  for (int k = 0; k < bisections; ++k) {
    const double middle = inside + (target - inside) / 2;
    (supported(middle) ? inside : target) = middle;
  }
  return inside;
}

void AscentStep::move_by_ratio(std::span<double> value, int64_t row, std::span<const double> next,
                               double level) const {
  if (!std::all_of(next.begin(), next.begin() + static_cast<std::ptrdiff_t>(kept()),
                   [](double target) { return std::isfinite(target); }))
    return;
  const std::span<const int64_t> one(&row, 1);
  const std::vector<float> here = source_.frame.state_of(value, one),
                           there = source_.frame.state_of(next, one);
  const auto raised = [&](std::span<const double> point) {  // m
    const std::vector<float> state = source_.frame.state_of(point, one);
    double squares = 0;
    for (size_t j = 0; j < kept(); ++j) squares += std::pow(static_cast<double>(there[j]) - state[j], 2);
    return ratio_->log_ratio(point.first(dim())) - squares / (2 * level * level);
  };
  const double least = raised(value);
  std::vector<double> step = newton_step(here, there, row, level);
  for (int k = 0; k < halvings; ++k) {
    std::vector<float> state = here;
    for (size_t j = 0; j < kept(); ++j) state[j] += static_cast<float>(step[j]);
    std::vector<double> moved(value.begin(), value.end());
    move(moved, source_.frame.values_of(state, one));
    if (raised(moved) >= least) {
      std::copy(moved.begin(), moved.end(), value.begin());
      return;
    }
    for (double& part : step) part /= 2;
  }
}

// Of m from 0, over the components that are inferred.
std::vector<double> AscentStep::newton_step(std::span<const float> here, std::span<const float> there,
                                            int64_t row, double level) const {
  const std::span<const int64_t> one(&row, 1);
  const auto shifted = [&](double by) {
    std::vector<float> state(here.begin(), here.end());
    for (float& z : state) z += static_cast<float>(by);
    return state;
  };
  const std::vector<float> up = shifted(level * difference), down = shifted(-level * difference);
  // Each component of theta follows from its own of the state.
  const std::vector<double> at = source_.frame.values_of(here, one), above = source_.frame.values_of(up, one),
                            below = source_.frame.values_of(down, one);
  std::vector<double> theta(at.begin(), at.begin() + static_cast<std::ptrdiff_t>(dim()));
  const double middle = ratio_->log_ratio(theta);
  std::vector<double> step(here.size(), 0);
  for (size_t j = 0; j < kept(); ++j) {
    double slope = 0, curvature = 0;
    if (j < dim()) {
      const auto log_ratio_with = [&](double value) {
        const double own = std::exchange(theta[j], value), found = ratio_->log_ratio(theta);
        theta[j] = own;
        return found;
      };
      const double rise = log_ratio_with(above[j]) - middle, fall = middle - log_ratio_with(below[j]);
      const double h_up = static_cast<double>(up[j]) - here[j],
                   h_down = static_cast<double>(here[j]) - down[j];
      if (std::isfinite(rise) && std::isfinite(fall)) {
        slope = (rise + fall) / (h_up + h_down);
        curvature = 2 * (fall / h_down - rise / h_up) / (h_up + h_down);
      } else if (std::isfinite(rise)) {  // at an end of the support
        slope = rise / h_up;
      } else if (std::isfinite(fall)) {
        slope = fall / h_down;
      }
    }
    const double variance = level * level;
    step[j] = (static_cast<double>(there[j]) - here[j] + variance * slope) /
              (1 + variance * std::max(curvature, 0.0));
  }
  return step;
}

}  // namespace fluxsbi::sample
