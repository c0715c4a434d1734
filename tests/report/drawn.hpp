// What figures show, read from their SVG: where points lie, in the units of the axes.
#pragma once

#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "report/svg.hpp"
#include "report/xml.hpp"

namespace fluxsbi::report::test {

/// The corners of a path of M, l and z, all lines of it one behind the other.
inline std::vector<Pixel> path_points(const Element& path) {
  std::string numbers;
  std::vector<Pixel> points;
  for (const char c : path.attribute("d")) {
    if (c == 'M' || c == 'l' || c == 'z')
      numbers += std::string(" ") + c + ' ';
    else if (c == '-')
      numbers += " -";
    else
      numbers += c;
  }
  std::istringstream words(numbers);
  Pixel place;
  bool relative = false;
  for (std::string word; words >> word;) {
    if (word == "z") continue;
    if (word == "M" || word == "l") {
      relative = word == "l";
      continue;
    }
    std::string second;
    if (!(words >> second)) throw std::runtime_error("a path with half a point");
    const Pixel step{std::stod(word), std::stod(second)};
    place = relative ? Pixel{place.x + step.x, place.y + step.y} : step;
    points.push_back(place);
  }
  return points;
}

/// The straight line through two labelled ticks of an axis.
struct Scale {
  double pixel = 0, value = 0, slope = 0;
  double operator()(double at) const { return value + slope * (at - pixel); }
};

/// A panel as it is drawn: its frame, what is inside, and the labelled ticks beside it.
struct DrawnPanel {
  const Element* inside = nullptr;
  const Element* frame = nullptr;
  std::vector<std::pair<double, double>> x_ticks, y_ticks;  ///< pixel, value

  static Scale scale(const std::vector<std::pair<double, double>>& ticks) {
    if (ticks.size() < 2) throw std::runtime_error("a panel with fewer than two labelled ticks");
    const auto &first = ticks.front(), &last = ticks.back();
    return {first.first, first.second, (last.second - first.second) / (last.first - first.first)};
  }
  Scale x() const { return scale(x_ticks); }
  Scale y() const { return scale(y_ticks); }

  /// The corners of all paths inside that have the class.
  std::vector<Pixel> points(const std::string& of_class) const {
    std::vector<Pixel> found;
    for (const Element* path : elements(*inside, "path", of_class)) {
      const auto more = path_points(*path);
      found.insert(found.end(), more.begin(), more.end());
    }
    return found;
  }
};

/// The panels of a figure, in the order in which they are drawn.
inline std::vector<DrawnPanel> drawn_panels(const Element& root) {
  std::vector<DrawnPanel> panels;
  std::vector<Pixel> tick;
  for (const Element* element : elements(root, "")) {
    if (element->name == "svg" && element != &root) panels.push_back({element, nullptr, {}, {}});
    if (panels.empty()) continue;
    DrawnPanel& panel = panels.back();
    if (element->name == "rect" && element->has_class("frame")) panel.frame = element;
    if (element->name == "path" && element->has_class("frame")) tick = path_points(*element);
    if (element->name != "text" || tick.size() != 2) continue;
    std::string digits;
    for (const char c : element->text)
      if (c != ',') digits += c;
    char* end = nullptr;
    const double value = std::strtod(digits.c_str(), &end);
    if (end != digits.c_str() && *end == 0)
      (tick[0].x == tick[1].x ? panel.x_ticks : panel.y_ticks)
          .emplace_back(tick[0].x == tick[1].x ? tick[0].x : tick[0].y, value);
    tick.clear();
  }
  return panels;
}

}  // namespace fluxsbi::report::test
