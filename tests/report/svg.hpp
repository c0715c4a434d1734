// What gnuplot has drawn, read from its SVG: where points lie, in the units of the axes.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace fluxsbi::report::test {

/// Pixels from the picture's top left corner.
struct Pixel {
  double x = 0, y = 0;
};

/// Reads "x,y" pairs of a path's d='...' that begins at `from`.
inline std::vector<Pixel> path_points(const std::string& svg, size_t from) {
  const size_t begin = svg.find(" d='", from) + 4;
  std::string numbers = svg.substr(begin, svg.find('\'', begin) - begin);
  for (char& c : numbers) {
    if (c == 'M' || c == 'L' || c == 'Z' || c == ',') c = ' ';
  }
  std::vector<Pixel> points;
  std::istringstream words(numbers);
  for (Pixel point; words >> point.x >> point.y;) points.push_back(point);
  return points;
}

/// The part of the picture that the command for `data` ("$Validation") drew, `skip` such parts passed over.
inline std::string drawn_by(const std::string& svg, const std::string& data, int skip = 0) {
  size_t begin = svg.find("<title>" + data);
  for (; skip > 0 && begin != std::string::npos; --skip) begin = svg.find("<title>" + data, begin + 1);
  if (begin == std::string::npos) throw std::runtime_error("nothing was drawn by " + data);
  return svg.substr(begin, svg.find("\n\t</g>", begin) - begin);
}

/// All corners of all paths of one stroke colour ("rgb( 31,  95, 168)"), in order.
inline std::vector<Pixel> line_points(const std::string& part, const std::string& colour) {
  std::vector<Pixel> points;
  const std::string start = "<path stroke='" + colour + "'";
  for (size_t at = part.find(start); at != std::string::npos; at = part.find(start, at + 1)) {
    const auto more = path_points(part, at);
    points.insert(points.end(), more.begin(), more.end());
  }
  return points;
}

/// Where the marks of one kind ("gpPt6") stand.
inline std::vector<Pixel> marks(const std::string& part, const std::string& kind) {
  std::vector<Pixel> found;
  const std::string start = "xlink:href='#" + kind + "' transform='translate(";
  for (size_t at = part.find(start); at != std::string::npos; at = part.find(start, at + 1)) {
    Pixel place;
    char comma = 0;
    std::istringstream(part.substr(at + start.size(), 40)) >> place.x >> comma >> place.y;
    found.push_back(place);
  }
  return found;
}

/// A labelled tick: its pixel along the axis, and the number that its label says.
struct LabelledTick {
  double pixel = 0, value = 0, across = 0;  ///< across: the other coordinate of the axis line
};

/// Ticks with numbers beside them, of horizontal or vertical axes, in the order of drawing.
inline std::vector<LabelledTick> labelled_ticks(const std::string& svg, bool horizontal) {
  std::vector<LabelledTick> found;
  std::vector<Pixel> last;
  std::istringstream lines(svg);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(" d='M") != std::string::npos) last = path_points(line + "'", 0);
    const size_t text = line.find("<text><tspan");
    if (text == std::string::npos || last.size() != 2) continue;
    const std::string label = line.substr(line.find('>', text + 6) + 1);
    char* end = nullptr;
    const double value = std::strtod(label.c_str(), &end);
    const bool number = end != label.c_str() && *end == '<';
    if (number && horizontal && last[0].x == last[1].x) found.push_back({last[0].x, value, last[0].y});
    if (number && !horizontal && last[0].y == last[1].y) found.push_back({last[0].y, value, last[0].x});
    last.clear();
  }
  return found;
}

/// The straight line through an axis's first and last tick.
class Scale {
 public:
  Scale(const LabelledTick& first, const LabelledTick& last)
      : first_(first), slope_((last.value - first.value) / (last.pixel - first.pixel)) {}
  double value(double pixel) const { return first_.value + slope_ * (pixel - first_.pixel); }

 private:
  LabelledTick first_;
  double slope_;
};

}  // namespace fluxsbi::report::test
