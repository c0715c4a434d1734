#include "report/corner.hpp"

#include <algorithm>
#include <cmath>

#include "core/table_text.hpp"
#include "core/text.hpp"
#include "report/contour.hpp"
#include "report/corner_data.hpp"
#include "report/panel.hpp"
#include "report/style.hpp"

namespace fluxsbi::report {

namespace {

constexpr int least_size = 900, base_size = 260, size_per_dimension = 165;
constexpr double contour_tolerance = 0.1, shade_tolerance = 0.2;  // pixels, of simplified lines
constexpr double least_shade_area = 3;                            // square pixels
constexpr size_t least_for_density = 20;                          // draws; fewer are drawn as points
constexpr size_t most_described = 6;                              // parameters, in words

// Pixels. Left and right together are top and bottom together, so that picture and panels are square.
struct Layout {
  int left, right, top, bottom, gap;
  double tick_size, name_size, legend_size, title_size;
};
constexpr Layout wide{94, 24, 46, 72, 14, 14, 17, 14.5, 19};
constexpr Layout small_letters{64, 14, 18, 60, 9, 11, 14, 11, 14};
constexpr double crowded_panel = 240, crowded_tick_size = 12;

double area_of(const std::vector<Pixel>& outline) {
  double twice = 0;
  for (size_t i = 0; i + 1 < outline.size(); ++i)
    twice += outline[i].x * outline[i + 1].y - outline[i + 1].x * outline[i].y;
  return std::abs(twice) / 2;
}

double sorted_quantile(const std::vector<double>& sorted, double q) {
  return sorted[static_cast<size_t>(q * static_cast<double>(sorted.size() - 1) + 0.5)];
}

class Corner {
 public:
  explicit Corner(const CornerPlot& plot)
      : plot_(plot),
        layout_(plot.panel > 0 ? small_letters : wide),
        count_(std::max(1, static_cast<int>(plot.names.size()))),
        panel_(plot.panel > 0 ? plot.panel : (wide_size() - margins() - (count_ - 1) * layout_.gap) / count_),
        size_(margins() + count_ * panel_ + (count_ - 1) * layout_.gap),
        data_(corner_data(plot, panel_)) {
    make_room();
  }

  Figure figure() {
    for (int j = 0; j < count_; ++j) add_histograms(j);
    for (int row = 0; row < count_; ++row) {
      for (int column = 0; column <= row; ++column) draw_panel(row, column);
    }
    draw_headings();
    return {plot_.title.empty() ? "Corner plot of " + plot_.samples.label : plot_.title,
            description(),
            size_ + wider_,
            size_ + above_ + higher_,
            std::move(svg_),
            numbers()};
  }

 private:
  int wide_size() const { return std::max(least_size, base_size + size_per_dimension * count_); }
  int margins() const { return layout_.left + layout_.right; }
  double x_of(int column) const { return layout_.left + wider_ + column * (panel_ + layout_.gap); }
  double y_of(int row) const { return layout_.top + above_ + row * (panel_ + layout_.gap); }

  // The picture grows where labels are longer than the margins: to the left, and downwards for slanted ones.
  void make_room() {
    double widest = 0, slanted = 0;
    for (int j = 0; j < count_; ++j) {
      const AxisTicks labels = axis_ticks(data_.axes[j], true);
      if (j > 0) widest = std::max(widest, widest_label(labels));
      if (crowded(panel_at(j, j), labels)) slanted = std::max(slanted, widest_label(labels));
    }
    wider_ = std::max(0.0, widest + 2.2 * layout_.name_size + 10 - layout_.left);
    higher_ = 0.6 * slanted;
    if (count_ == 1) above_ = std::ceil((0.6 + 1.8 * legend_lines()) * layout_.legend_size);
  }

  void add_histograms(int j) {
    const auto bars = [&](const Columns& columns) {
      return columns[j].empty() ? Bars{} : histogram_bars(columns[j], data_.axes[j], data_.histogram_bins);
    };
    samples_.push_back(bars(data_.samples));
    reference_.push_back(bars(data_.reference));
    prior_.push_back(data_.has_prior() ? coarse_bars(data_.prior[j], data_.axes[j], data_.histogram_bins)
                                       : Bars{});
  }

  Panel panel_at(int row, int column) const {
    const double pixels = panel_;
    return {x_of(column), y_of(row), pixels, pixels, data_.axes[column], data_.axes[row]};
  }

  void draw_panel(int row, int column) {
    Panel panel = panel_at(row, column);
    if (row == column) {
      const double peak = std::max({samples_[row].peak(), reference_[row].peak(), prior_[row].peak()});
      panel.y = {0, peak > 0 ? peak * 1.12 : 1, 1};
    }
    const AxisTicks x = axis_ticks(panel.x, row == count_ - 1);
    const AxisTicks y = row == column ? AxisTicks{} : axis_ticks(panel.y, column == 0);
    draw_grid(svg_, panel, x, y);
    svg_.open_clip({panel.left, panel.top}, panel.width, panel.height);
    if (row == column) {
      draw_marginal(panel, row);
    } else {
      draw_pair(panel, row, column);
    }
    draw_truth(panel, row, column);
    svg_.close_clip();
    draw_frame(svg_, panel, x, y);
    draw_names(panel, row, column);
  }

  AxisTicks axis_ticks(const Axis& axis, bool labelled) const {
    const bool shrink = panel_ < crowded_panel && plot_.panel == 0;
    const int most = panel_ < 130 ? 3 : std::clamp(panel_ / 55, 3, 6);
    return {ticks(axis.low, axis.high, most), labelled, shrink ? crowded_tick_size : layout_.tick_size};
  }

  void draw_names(const Panel& panel, int row, int column) {
    const double size = layout_.name_size;
    const auto label = [&](int index) {
      Label name = variable_label(plot_.names[index]);
      const std::vector<std::string> lines = wrapped(name.text, size, panel_);
      if (name.subscript.empty() && !lines.empty())  // cut where it is too long for its panel
        name.text = lines[0] + (lines.size() == 1 || lines[0].ends_with("…") ? "" : "…");
      return name;
    };
    if (row == count_ - 1)
      svg_.text(label(column), {panel.left + panel_ / 2.0, size_ + above_ + higher_ - 0.7 * size},
                {size, Anchor::middle});
    if (column == 0 && row > 0)
      svg_.text(label(row), {1.6 * size, panel.top + panel_ / 2.0}, {size, Anchor::middle, "", -90});
  }

  // Dashed lines at the true parameters of this panel.
  void draw_truth(const Panel& panel, int row, int column) {
    if (plot_.truth.empty()) return;
    const double x = plot_.truth[column], y = plot_.truth[row];
    if (std::isfinite(x))
      svg_.line({panel.x_of(x), panel.top}, {panel.x_of(x), panel.bottom()}, "line dash truth");
    if (row != column && std::isfinite(y))
      svg_.line({panel.left, panel.y_of(y)}, {panel.right(), panel.y_of(y)}, "line dash truth");
  }

  void draw_outline(const Panel& panel, const Bars& bars, const char* classes) {
    for (const auto& outline : bar_outlines(panel, bars.edges, bars.heights)) svg_.polyline(outline, classes);
  }

  void draw_marginal(const Panel& panel, int index) {
    svg_.area(bar_outlines(panel, samples_[index].edges, samples_[index].heights), "area pale own");
    draw_outline(panel, prior_[index], "line prior");
    draw_outline(panel, samples_[index], "line own");
    draw_outline(panel, reference_[index], "line other");
  }

  std::vector<std::vector<Pixel>> outlines(const Panel& panel, const Density& density, double level,
                                           double tolerance) {
    std::vector<std::vector<Pixel>> found;
    for (const Polyline& line : contour_lines(density, level)) {
      std::vector<Pixel> points;
      for (const auto& [x, y] : line) points.push_back(panel.at(x, y));
      found.push_back(simplified(points, tolerance));
    }
    return found;
  }

  void draw_contours(const Panel& panel, const ShownDensity& shown, const char* classes) {
    for (const double level : shown.levels)
      for (const auto& outline : outlines(panel, shown.density, level, contour_tolerance))
        svg_.polyline(outline, classes);
  }

  static bool are_few(const Columns& columns) { return columns[0].size() < least_for_density; }

  void draw_points(const Panel& panel, const Columns& columns, int row, int column, const char* classes) {
    for (size_t i = 0; i < columns[row].size(); ++i)
      svg_.circle(panel.at(columns[column][i], columns[row][i]), 3, classes);
  }

  void draw_density(const Panel& panel, int row, int column) {
    const ShownDensity shown = shown_density(data_.samples[column], data_.samples[row], panel.x, panel.y);
    const std::vector<double> levels = shade_levels(shown.density, style::shades);
    for (size_t k = 0; k < levels.size(); ++k) {
      auto shade = outlines(panel, shown.density, levels[k], shade_tolerance);
      std::erase_if(shade, [](const auto& outline) { return area_of(outline) < least_shade_area; });
      svg_.area(shade, "shade s" + std::to_string(k));
    }
    draw_contours(panel, shown, "line thin deep");
  }

  void draw_pair(const Panel& panel, int row, int column) {
    if (are_few(data_.samples)) {
      draw_points(panel, data_.samples, row, column, "area own");
    } else {
      draw_density(panel, row, column);
    }
    if (!data_.has_reference()) return;
    if (are_few(data_.reference)) {
      draw_points(panel, data_.reference, row, column, "area other");
    } else {
      draw_contours(panel, shown_density(data_.reference[column], data_.reference[row], panel.x, panel.y),
                    "line thin other");
    }
  }

  // Of the legend over a single panel, each on a line.
  int legend_lines() const {
    return 1 + (data_.has_reference() ? 1 : 0) + (data_.has_prior() ? 1 : 0) + (plot_.truth.empty() ? 0 : 1);
  }

  // Title and legend: in the empty corner, or over the panel where there is but one.
  void draw_headings() {
    const double size = layout_.legend_size, swatch = 2.1 * size;
    if (!plot_.title.empty() && layout_.top > layout_.title_size)
      svg_.text({plot_.title}, {x_of(0), layout_.top - 0.8 * layout_.title_size}, {layout_.title_size});
    const double x = count_ == 1 ? x_of(0) : x_of(1) + (plot_.panel > 0 ? 8 : 26);
    const double room = size_ + wider_ - 4 - x - 1.4 * swatch;
    double y = layout_.top + 1.5 * size;
    const auto text = [&](const std::string& words, const char* classes) {
      for (const std::string& line : wrapped(words, size, room)) {
        svg_.text({line}, {x + 1.4 * swatch, y + 0.36 * size}, {size, Anchor::start, classes});
        y += 1.45 * size;
      }
      y += 0.35 * size;
    };
    const auto draws = [](const std::string& label, const Columns& columns) {
      return label + " (" + style::grouped(std::ssize(columns[0])) +
             (columns[0].size() == 1 ? " draw)" : " draws)");
    };
    svg_.rectangle({x, y - 0.5 * size}, swatch, size, "area pale own");
    svg_.rectangle({x, y - 0.5 * size}, swatch, size, "line own");
    text(draws(plot_.samples.label, data_.samples), "");
    const auto line = [&](const char* classes) { svg_.line({x, y}, {x + swatch, y}, classes); };
    if (data_.has_reference()) {
      line("line other");
      text(draws(plot_.reference.label, data_.reference), "");
    }
    if (data_.has_prior()) {
      line("line prior");
      text(plot_.prior.label, "");
    }
    if (!plot_.truth.empty()) {
      line("line dash truth");
      text("true parameters", "");
    }
    if (count_ > 1 && !are_few(data_.samples)) text("contours hold 50 % and 90 % of the draws", "faint");
  }

  std::string description() const {
    std::string text =
        "Histograms of each of " + core::count_text(count_, "parameter") + " on the diagonal" +
        (count_ == 1              ? ""
         : are_few(data_.samples) ? ", the draws of each pair below it"
                                  : ", regions that hold 50 % and 90 % of the draws for each pair below it") +
        "; " + core::count_text(std::ssize(data_.samples[0]), "draw") + ".";
    for (size_t j = 0; j < std::min(plot_.names.size(), most_described); ++j) {
      std::vector<double> sorted = data_.samples[j];
      std::sort(sorted.begin(), sorted.end());
      const double low = sorted_quantile(sorted, 0.05), high = sorted_quantile(sorted, 0.95);
      const auto near = [&](double value) { return core::resolved_text(value, (high - low) / 4); };
      text += " " + plot_.names[j] + ": median " + near(sorted_quantile(sorted, 0.5)) + ", 90 % from " +
              near(low) + " to " + near(high) + ".";
    }
    return text;
  }

  Numbers numbers() const {
    Numbers found;
    const size_t n = data_.samples[0].size(), rows = std::min(n, most_draws_listed);
    for (int j = 0; j < count_; ++j) {
      found.columns.push_back({plot_.names[j], {}});
      for (size_t i = 0; i < rows; ++i) found.columns.back().values.push_back(data_.samples[j][i * n / rows]);
    }
    if (rows < n)
      found.note = style::grouped(static_cast<long long>(rows)) + " of the " +
                   style::grouped(static_cast<long long>(n)) + " draws, at equal distances";
    return found;
  }

  const CornerPlot& plot_;
  Layout layout_;
  int count_, panel_, size_;
  double wider_ = 0, higher_ = 0;  // than size_
  double above_ = 0;               // over a single panel: the legend
  CornerData data_;
  std::vector<Bars> samples_, reference_, prior_;  // [d]
  Svg svg_;
};

}  // namespace

Figure corner_figure(const CornerPlot& plot) {
  return Corner(plot).figure();
}

}  // namespace fluxsbi::report
