#include "report/panel.hpp"

#include <algorithm>
#include <cmath>

namespace fluxsbi::report {

namespace {

constexpr double tick_length = 4, label_gap = 5;  // pixels
constexpr double slant = -40;                     // degrees
constexpr double baseline = 0.36;                 // of a text's size, below its middle

double distance_to_segment(Pixel point, Pixel a, Pixel b) {
  const double dx = b.x - a.x, dy = b.y - a.y, squared = dx * dx + dy * dy;
  const double along =
      squared > 0 ? std::clamp(((point.x - a.x) * dx + (point.y - a.y) * dy) / squared, 0.0, 1.0) : 0;
  return std::hypot(point.x - a.x - along * dx, point.y - a.y - along * dy);
}

}  // namespace

void draw_grid(Svg& svg, const Panel& panel, const AxisTicks& x, const AxisTicks& y) {
  for (const Tick& tick : x.ticks)
    svg.line({panel.x_of(tick.position), panel.top}, {panel.x_of(tick.position), panel.bottom()}, "grid");
  for (const Tick& tick : y.ticks)
    svg.line({panel.left, panel.y_of(tick.position)}, {panel.right(), panel.y_of(tick.position)}, "grid");
}

void draw_frame(Svg& svg, const Panel& panel, const AxisTicks& x, const AxisTicks& y) {
  svg.rectangle({panel.left, panel.top}, panel.width, panel.height, "frame");
  const bool slanted = crowded(panel, x);
  for (const Tick& tick : x.ticks) {
    const double at = panel.x_of(tick.position), below = panel.bottom() + tick_length + label_gap;
    svg.line({at, panel.bottom()}, {at, panel.bottom() + tick_length}, "frame");
    if (!x.labelled) continue;
    if (slanted) {
      svg.text({tick.text}, {at + 0.3 * x.size, below + 0.5 * x.size}, {x.size, Anchor::end, "", slant});
    } else {
      svg.text({tick.text}, {at, below + 0.8 * x.size}, {x.size, Anchor::middle});
    }
  }
  for (const Tick& tick : y.ticks) {
    const double at = panel.y_of(tick.position);
    svg.line({panel.left - tick_length, at}, {panel.left, at}, "frame");
    if (y.labelled)
      svg.text({tick.text}, {panel.left - tick_length - label_gap, at + baseline * y.size},
               {y.size, Anchor::end});
  }
}

double widest_label(const AxisTicks& axis) {
  double widest = 0;
  if (axis.labelled)
    for (const Tick& tick : axis.ticks) widest = std::max(widest, text_width(tick.text, axis.size));
  return widest;
}

bool crowded(const Panel& panel, const AxisTicks& x) {
  if (x.ticks.size() < 2) return false;
  const double spacing = panel.x_of(x.ticks[1].position) - panel.x_of(x.ticks[0].position);
  return widest_label(x) + 0.8 * x.size > spacing;
}

std::vector<std::vector<Pixel>> bar_outlines(const Panel& panel, std::span<const double> edges,
                                             std::span<const double> heights, double floor) {
  std::vector<std::vector<Pixel>> outlines;
  const auto has_bar = [&](size_t i) { return i < heights.size() && heights[i] > floor; };
  for (size_t begin = 0; begin < heights.size(); ++begin) {
    if (!has_bar(begin)) continue;
    std::vector<Pixel> outline{panel.at(edges[begin], floor)};
    size_t i = begin;
    for (; has_bar(i); ++i) {
      outline.push_back(panel.at(edges[i], heights[i]));
      outline.push_back(panel.at(edges[i + 1], heights[i]));
    }
    outline.push_back(panel.at(edges[i], floor));
    outlines.push_back(std::move(outline));
    begin = i;
  }
  return outlines;
}

std::vector<std::vector<Pixel>> band_outlines(const Panel& panel, std::span<const double> x,
                                              std::span<const double> low, std::span<const double> high) {
  std::vector<std::vector<Pixel>> outlines;
  const auto known = [&](size_t i) {
    return i < x.size() && !std::isnan(x[i]) && !std::isnan(low[i]) && !std::isnan(high[i]);
  };
  for (size_t begin = 0; begin < x.size();) {
    size_t end = begin;
    std::vector<Pixel> outline;
    for (; known(end); ++end) outline.push_back(panel.at(x[end], high[end]));
    for (size_t i = end; i-- > begin;) outline.push_back(panel.at(x[i], low[i]));
    if (end > begin + 1) outlines.push_back(std::move(outline));
    begin = std::max(end, begin + 1);
  }
  return outlines;
}

std::vector<Pixel> curve_points(const Panel& panel, std::span<const double> x, std::span<const double> y) {
  std::vector<Pixel> points;
  for (size_t i = 0; i < std::min(x.size(), y.size()); ++i) points.push_back(panel.at(x[i], y[i]));
  return points;
}

std::vector<Pixel> simplified(std::span<const Pixel> line, double tolerance) {
  std::vector<bool> kept(line.size(), false);
  std::vector<std::pair<size_t, size_t>> parts;
  if (!line.empty()) {
    kept.front() = kept.back() = true;
    parts.emplace_back(0, line.size() - 1);
  }
  while (!parts.empty()) {
    const auto [first, last] = parts.back();
    parts.pop_back();
    size_t farthest = first;
    double distance = tolerance;
    for (size_t i = first + 1; i < last; ++i) {
      const double here = distance_to_segment(line[i], line[first], line[last]);
      if (here > distance) distance = here, farthest = i;
    }
    if (farthest == first) continue;
    kept[farthest] = true;
    parts.emplace_back(first, farthest);
    parts.emplace_back(farthest, last);
  }
  std::vector<Pixel> points;
  for (size_t i = 0; i < line.size(); ++i)
    if (kept[i]) points.push_back(line[i]);
  return points;
}

}  // namespace fluxsbi::report
