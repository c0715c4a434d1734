#include "report/graph.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/text.hpp"
#include "report/panel.hpp"
#include "report/style.hpp"

namespace fluxsbi::report {

namespace {

using diagnose::Graph;

constexpr size_t most_named = 12;            // curves in the legend
constexpr size_t most_curves_described = 4;  // curves in words
constexpr size_t most_drawn = 2000,
                 many_points = 200;      // of a curve of points; of more, some at equal distances
constexpr size_t most_ranges = 60;       // beside each other; those of more points in order are one band
constexpr size_t most_rows = 5000;       // among the numbers
constexpr double line_tolerance = 0.05;  // pixels
constexpr double share_of_margin = 0.05;

// Widens a range to hold the finite ones of some values.
class Range {
 public:
  void add(double value) {
    if (!std::isfinite(value)) return;
    low_ = std::min(low_, value);
    high_ = std::max(high_, value);
  }
  void add(const std::vector<double>& values) {
    for (const double value : values) add(value);
  }
  bool empty() const { return low_ > high_; }
  double low() const { return low_; }
  double high() const { return high_; }
  /// Never without width.
  Axis axis(double margin_low, double margin_high) const {
    if (empty()) return {0, 1, 1};
    double width = high_ - low_;
    if (width <= 1e-12 * std::max(std::abs(low_), std::abs(high_))) {
      width = low_ == 0 ? 1 : std::abs(low_);
      return {low_ - width / 2, high_ + width / 2, 1};
    }
    return {low_ - margin_low * width, high_ + margin_high * width, 1};
  }

 private:
  double low_ = std::numeric_limits<double>::infinity(), high_ = -low_;
};

class GraphDrawing {
 public:
  GraphDrawing(const Graph& graph, const FigureSize& size) : graph_(graph), size_(size) {}

  Figure figure() {
    place();
    draw_title();
    draw_panel();
    draw_legend();
    return {graph_.title, description(), size_.width, height_, std::move(svg_), numbers()};
  }

 private:
  bool has_band() const { return !graph_.low.empty() && !graph_.high.empty(); }
  bool is_histogram() const { return graph_.kind == Graph::Kind::histogram; }

  void place() {
    Range x, y;
    x.add(graph_.x);
    for (const Graph::Curve& curve : graph_.curves) y.add(curve.y);
    if (has_band()) y.add(graph_.low), y.add(graph_.high);
    if (graph_.expected) y.add(*graph_.expected);
    if (is_histogram()) y.add(0);
    if (graph_.diagonal && !x.empty()) y.add(x.low()), y.add(x.high());
    const double side = graph_.kind == Graph::Kind::points ? share_of_margin : 0;
    panel_.x = x.axis(side, side);
    const bool from_zero = is_histogram() && y.low() == 0;
    const double margin = graph_.diagonal && y.low() >= x.low() && y.high() <= x.high() ? 0 : share_of_margin;
    panel_.y = y.axis(from_zero ? 0 : margin, margin);

    const double letters = size_.letters;
    title_ = wrapped(graph_.title, 1.1 * letters, size_.width - 2 * letters);
    panel_.top = letters * (0.8 + 1.5 * static_cast<double>(title_.size()));
    panel_.height = size_.height - 5.2 * letters;
    y_ticks_ = {ticks(panel_.y.low, panel_.y.high, 6), true, 0.92 * letters};
    panel_.left = widest_label(y_ticks_) + (graph_.y_label.empty() ? 1.5 : 2.9) * letters;
    panel_.width = size_.width - panel_.left - 1.6 * letters;
    x_ticks_ = {ticks(panel_.x.low, panel_.x.high, 6), true, 0.92 * letters};
  }

  void draw_title() {
    double y = 1.5 * size_.letters;
    for (const std::string& line : title_) {
      svg_.text({line}, {0.8 * size_.letters, y}, {1.1 * size_.letters});
      y += 1.5 * size_.letters;
    }
  }

  void draw_panel() {
    draw_grid(svg_, panel_, x_ticks_, y_ticks_);
    svg_.open_clip({panel_.left, panel_.top}, panel_.width, panel_.height);
    draw_band();
    if (graph_.diagonal) {
      const double low = std::max(panel_.x.low, panel_.y.low), high = std::min(panel_.x.high, panel_.y.high);
      svg_.line(panel_.at(low, low), panel_.at(high, high), "line dash truth");
    }
    if (graph_.expected)
      svg_.line(panel_.at(panel_.x.low, *graph_.expected), panel_.at(panel_.x.high, *graph_.expected),
                "line dash truth");
    for (size_t i = 0; i < graph_.curves.size(); ++i) draw_curve(i);
    svg_.close_clip();
    draw_frame(svg_, panel_, x_ticks_, y_ticks_);
    const double letters = size_.letters,
                 slanted = crowded(panel_, x_ticks_) ? 0.7 * widest_label(x_ticks_) : 0;
    height_ = panel_.bottom() + 2 * letters + slanted;
    if (!graph_.x_label.empty()) {
      height_ += 1.3 * letters;
      svg_.text({graph_.x_label}, {panel_.left + panel_.width / 2, height_}, {letters, Anchor::middle});
    }
    if (!graph_.y_label.empty())
      svg_.text({graph_.y_label}, {1.3 * letters, panel_.top + panel_.height / 2},
                {letters, Anchor::middle, "", -90});
  }

  void draw_band() {
    if (!has_band()) return;
    const bool dense = graph_.x.size() > most_ranges && std::is_sorted(graph_.x.begin(), graph_.x.end());
    if ((graph_.kind == Graph::Kind::points && !dense) || graph_.x.size() == 1) {
      for (size_t i = 0; i < graph_.x.size(); ++i) {
        const Pixel top = panel_.at(graph_.x[i], graph_.high[i]),
                    bottom = panel_.at(graph_.x[i], graph_.low[i]);
        svg_.rectangle({top.x - 3, top.y}, 6, bottom.y - top.y, "area pale band");
      }
      return;
    }
    if (!is_histogram()) {
      svg_.area(band_outlines(panel_, graph_.x, graph_.low, graph_.high), "area pale band");
      return;
    }
    std::vector<double> x, low, high;  // with the corners of its steps
    for (size_t i = 0; i < graph_.low.size(); ++i) {
      for (const double edge : {graph_.x[i], graph_.x[i + 1]}) {
        x.push_back(edge);
        low.push_back(graph_.low[i]);
        high.push_back(graph_.high[i]);
      }
    }
    svg_.area(band_outlines(panel_, x, low, high), "area pale band");
  }

  void draw_curve(size_t index) {
    const std::vector<double>& y = graph_.curves[index].y;
    const std::string look = style::curve_class(index);
    if (is_histogram()) {
      const auto bars = bar_outlines(panel_, graph_.x, y);
      if (graph_.curves.size() == 1) svg_.area(bars, "area pale c0");
      for (const auto& outline : bars) svg_.polyline(outline, look);
      return;
    }
    const std::vector<Pixel> points = curve_points(panel_, graph_.x, y);
    if (graph_.kind == Graph::Kind::lines) {
      const bool whole =
          std::all_of(points.begin(), points.end(), [](Pixel p) { return std::isfinite(p.y); });
      svg_.polyline(whole ? simplified(points, line_tolerance) : points, look);
      return;
    }
    const size_t shown = std::min(points.size(), most_drawn);
    const double radius = shown > many_points ? 1.6 : 3;
    for (size_t i = 0; i < shown; ++i)
      svg_.circle(points[i * points.size() / shown], radius,
                  "area c" + std::to_string(index % style::series));
  }

  // Entries side by side, as many as fit in a row.
  void draw_legend() {
    const double letters = size_.letters, swatch = 1.8 * letters;
    double x = letters, y = height_ + 1.9 * letters;
    bool any = false;
    const auto entry = [&](const std::string& words, const auto& draw_swatch) {
      const std::vector<std::string> lines = wrapped(words, letters, size_.width - 3 * letters - swatch);
      const std::string text = lines.empty() ? "" : lines[0] + (lines.size() > 1 ? " …" : "");
      const double width = 1.35 * swatch + text_width(text, letters);
      if (any && x + width > size_.width - letters / 2) x = letters, y += 1.6 * letters;
      draw_swatch(x, y);
      svg_.text({text}, {x + 1.35 * swatch, y + 0.36 * letters}, {letters});
      x += width + 1.2 * letters;
      any = true;
    };
    for (size_t i = 0; i < std::min(graph_.curves.size(), most_named); ++i) {
      if (graph_.curves[i].label.empty()) continue;
      entry(graph_.curves[i].label, [&](double left, double middle) {
        if (graph_.kind == Graph::Kind::points) {
          svg_.circle({left + swatch / 2, middle}, 3, "area c" + std::to_string(i % style::series));
        } else {
          svg_.line({left, middle}, {left + swatch, middle}, style::curve_class(i));
        }
      });
    }
    if (graph_.curves.size() > most_named)
      entry("and " + std::to_string(graph_.curves.size() - most_named) + " more", [](double, double) {});
    if (has_band())
      entry("expected range", [&](double left, double middle) {
        svg_.rectangle({left, middle - letters / 2}, swatch, letters, "area pale band");
      });
    const auto dashes = [&](double left, double middle) {
      svg_.line({left, middle}, {left + swatch, middle}, "line dash truth");
    };
    if (graph_.diagonal) entry("expected", dashes);
    if (graph_.expected) entry("at " + core::brief_text(*graph_.expected), dashes);
    height_ = any ? y + 1.2 * letters : height_ + 0.8 * letters;
  }

  std::string description() const {
    std::string text;
    const auto axis = [](const std::string& name, const char* otherwise) {
      return name.empty() ? std::string(otherwise) : name;
    };
    text = axis(graph_.y_label, "value") + " against " + axis(graph_.x_label, "x") + ".";
    for (size_t i = 0; i < std::min(graph_.curves.size(), most_curves_described); ++i) {
      const Graph::Curve& curve = graph_.curves[i];
      if (curve.y.empty()) continue;
      const auto [low, high] = std::minmax_element(curve.y.begin(), curve.y.end());
      text += " " + (curve.label.empty() ? std::string("It") : curve.label) + " begins at " +
              core::brief_text(curve.y.front()) + " and ends at " + core::brief_text(curve.y.back()) +
              ", between " + core::brief_text(*low) + " and " + core::brief_text(*high);
      if (has_band()) text += "; " + outside_text(curve);
      text += ".";
    }
    if (graph_.expected) text += " A dashed line lies at " + core::brief_text(*graph_.expected) + ".";
    if (graph_.curves.size() > most_curves_described)
      text += " " + std::to_string(graph_.curves.size() - most_curves_described) +
              " more curves stand in the numbers.";
    return text;
  }

  std::string outside_text(const Graph::Curve& curve) const {
    int64_t outside = 0;
    for (size_t i = 0; i < curve.y.size(); ++i)
      outside += curve.y[i] < graph_.low[i] || curve.y[i] > graph_.high[i];
    return std::to_string(outside) + " of " + std::to_string(curve.y.size()) +
           " values lie outside the expected range";
  }

  Numbers numbers() const {
    Numbers found;
    found.columns.push_back({graph_.x_label.empty() ? "x" : graph_.x_label, graph_.x});
    if (is_histogram()) found.columns[0].name += " (lower edge of the bar)";
    for (const Graph::Curve& curve : graph_.curves)
      found.columns.push_back(
          {curve.label.empty() ? (graph_.y_label.empty() ? "y" : graph_.y_label) : curve.label, curve.y});
    if (has_band()) {
      found.columns.push_back({"expected at least", graph_.low});
      found.columns.push_back({"expected at most", graph_.high});
    }
    if (const size_t rows = found.rows(); rows > most_rows) {
      for (Numbers::Column& column : found.columns) {
        if (column.values.empty()) continue;
        for (size_t i = 0; i < most_rows; ++i)
          column.values[i] = column.values[std::min(i * rows / most_rows, column.values.size() - 1)];
        column.values.resize(most_rows);
      }
      found.note = style::grouped(most_rows) + " of " + style::grouped(static_cast<long long>(rows)) +
                   " rows, at equal distances";
    }
    return found;
  }

  const Graph& graph_;
  FigureSize size_;
  Panel panel_;
  AxisTicks x_ticks_, y_ticks_;
  std::vector<std::string> title_;
  double height_ = 0;
  Svg svg_;
};

}  // namespace

Figure graph_figure(const diagnose::Graph& graph, const FigureSize& size) {
  return GraphDrawing(graph, size).figure();
}

}  // namespace fluxsbi::report
