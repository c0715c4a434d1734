// A density over a rectangle that is known up to a factor: exact draws for tasks with two parameters that no
// formula draws from.
#pragma once

#include <array>
#include <functional>
#include <span>
#include <vector>

#include "core/philox.hpp"

namespace fluxsbi::data {

struct Rectangle {
  std::array<double, 2> low, high;
};

/// Rejection sampling from an envelope that is constant on each cell of a grid over the part of the rectangle
/// where the density is more than e^-25 of its maximum. The envelope is 1.25 times the largest density at a
/// cell's corners: above the density wherever a peak is wider (standard deviation) than one and a half cells,
/// and a grid of 96 cells a side over a peak has some ten cells in a standard deviation.
class PlaneDensity {
 public:
  /// The natural logarithm of the density, plus any constant; -infinity where it is 0.
  using LogDensity = std::function<double(double, double)>;

  /// Evaluates the density some 20,000 times. It must be above 0 somewhere in the rectangle.
  PlaneDensity(LogDensity log_density, const Rectangle& support);

  /// One draw, point [2].
  void sample(core::Philox& random, std::span<double> point) const;

 private:
  /// The box of the cells of a grid over `box` where the density counts, with a margin of one cell.
  Rectangle narrowed(const Rectangle& box) const;
  void fill_cells();

  LogDensity log_density_;
  Rectangle box_;
  double log_max_ = 0;              ///< about which densities are computed, against underflow
  std::vector<double> envelope_;    ///< of each cell, relative to the maximum
  std::vector<double> cumulative_;  ///< of envelope_
};

}  // namespace fluxsbi::data
