// A plot area: a rectangle of a picture that shows ranges of two values.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "report/axis.hpp"
#include "report/svg.hpp"

namespace fluxsbi::report {

struct Panel {
  double left = 0, top = 0, width = 0, height = 0;  ///< pixels
  Axis x, y;                                        ///< low lies at the left and at the bottom

  double right() const { return left + width; }
  double bottom() const { return top + height; }
  double x_of(double value) const { return left + width * (value - x.low) / (x.high - x.low); }
  double y_of(double value) const { return bottom() - height * (value - y.low) / (y.high - y.low); }
  Pixel at(double value_x, double value_y) const { return {x_of(value_x), y_of(value_y)}; }
};

/// The ticks of one axis and how they are written.
struct AxisTicks {
  std::vector<Tick> ticks;
  bool labelled = true;
  double size = 11;  ///< of the labels
};

/// The lines behind what a panel shows, at the ticks.
void draw_grid(Svg& svg, const Panel& panel, const AxisTicks& x, const AxisTicks& y);

/// The frame, the ticks and their labels, over what the panel shows. Labels of x that would touch stand
/// slanted.
void draw_frame(Svg& svg, const Panel& panel, const AxisTicks& x, const AxisTicks& y);

/// Pixels that the widest label takes.
double widest_label(const AxisTicks& axis);

/// True where the labels of a horizontal axis would touch, so that draw_frame slants them.
bool crowded(const Panel& panel, const AxisTicks& x);

/// Bars between `edges` [n + 1] of `heights` [n], from `floor` on: their outline as one closed line for each
/// run of bars that are not empty. NaN is an empty bar.
std::vector<std::vector<Pixel>> bar_outlines(const Panel& panel, std::span<const double> edges,
                                             std::span<const double> heights, double floor = 0);

/// The outline of a band between two curves at `x`; where one is NaN the band is interrupted.
std::vector<std::vector<Pixel>> band_outlines(const Panel& panel, std::span<const double> x,
                                              std::span<const double> low, std::span<const double> high);

/// The points (x, y) of a curve; NaN stays NaN.
std::vector<Pixel> curve_points(const Panel& panel, std::span<const double> x, std::span<const double> y);

/// The points of a line that are needed to stay within `tolerance` pixels of it (Douglas & Peucker 1973).
std::vector<Pixel> simplified(std::span<const Pixel> line, double tolerance);

}  // namespace fluxsbi::report
