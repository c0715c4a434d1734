// A density over a box that is known up to a factor: exact draws for tasks with few parameters that no
// formula draws from.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "core/philox.hpp"

namespace fluxsbi::data {

/// Bounds of each axis, [dim].
struct Box {
  std::vector<double> low, high;
};

/// Cells along each axis that suit two parameters: some ten in a standard deviation.
inline constexpr int plane_cells = 96;

/// Rejection sampling from an envelope that is constant on each cell of a grid over the part of the box where
/// the density is more than e^-25 of its maximum. The envelope is 1.25 times the largest density at a cell's
/// corners: above the density of a peak whose standard deviations along the axes, s_k cells wide, have
/// sum_k 1 / s_k^2 < 1.8.
class GridDensity {
 public:
  /// The natural logarithm of the density at a point [dim], plus any constant; -infinity where it is 0.
  using LogDensity = std::function<double(std::span<const double>)>;

  /// Evaluates the density some 1.5 cells^dim times, `cells` along each axis. It must be above 0 somewhere in
  /// the box.
  GridDensity(LogDensity log_density, const Box& support, int cells);

  /// One draw, point [dim].
  void sample(core::Philox& random, std::span<double> point) const;

 private:
  /// The log density at count^dim points of a box, the last axis running fastest: from face to face, or
  /// `shift` cells from the low ones.
  std::vector<double> values(const Box& box, int count, double shift) const;
  /// The box of the cells of a grid over `box` where the density counts, with a margin of one cell.
  Box narrowed(const Box& box) const;
  void fill_cells();

  LogDensity log_density_;
  Box box_;
  int cells_;
  double log_max_ = 0;              ///< about which densities are computed, against underflow
  std::vector<double> envelope_;    ///< of each cell, relative to the maximum
  std::vector<double> cumulative_;  ///< of envelope_
};

}  // namespace fluxsbi::data
