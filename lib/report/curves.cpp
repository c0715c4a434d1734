#include "report/curves.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/text.hpp"
#include "report/axis.hpp"
#include "report/panel.hpp"
#include "report/style.hpp"

namespace fluxsbi::report {

namespace {

using Point = TrainingCurves::Point;
using Points = std::vector<Point>;

constexpr size_t most_points = 1200;
constexpr size_t most_dots = 150;  // at validations; more would run into each other
constexpr double swatch = 2, entry_gap = 1.4, line_height = 1.6;  // of the legend, in letters
// The smoothed course averages this share of the training.
constexpr double smoothing_share = 0.03;

void add(Points& points, const nlohmann::json& line, const char* key, double step) {
  const auto value = line.find(key);
  if (value == line.end() || !value->is_number() || !std::isfinite(value->get<double>())) return;
  points.push_back({step, value->get<double>()});
}

// Means of groups of neighbours, most_points at most.
Points thinned(const Points& points) {
  const size_t group = (points.size() + most_points - 1) / most_points;
  if (group <= 1) return points;
  Points means;
  for (size_t begin = 0; begin < points.size(); begin += group) {
    const size_t end = std::min(points.size(), begin + group);
    Point mean{0, 0};
    for (size_t i = begin; i < end; ++i) {
      mean.step += points[i].step / static_cast<double>(end - begin);
      mean.value += points[i].value / static_cast<double>(end - begin);
    }
    means.push_back(mean);
  }
  return means;
}

// Moving means, centred but for the end, where what follows is missing.
Points smoothed(const Points& points) {
  const size_t reach = static_cast<size_t>(smoothing_share / 2 * static_cast<double>(points.size()));
  Points means = points;
  for (size_t i = 0; i < points.size(); ++i) {
    const size_t before = std::min(reach, i), after = std::min(before, points.size() - 1 - i);
    double sum = 0;
    for (size_t j = i - before; j <= i + after; ++j) sum += points[j].value;
    means[i].value = sum / static_cast<double>(before + after + 1);
  }
  return means;
}

// Losses fall steeply at first and single ones scatter: the range shows all validation losses after the
// first, and the training losses but their largest twentieth and smallest hundredth.
Axis loss_range(const Points& train, const Points& validation) {
  std::vector<double> sorted;
  for (const Point& point : train) sorted.push_back(point.value);
  std::sort(sorted.begin(), sorted.end());
  std::vector<double> shown;
  if (!sorted.empty()) shown = {sorted[sorted.size() / 100], sorted[(sorted.size() - 1) * 19 / 20]};
  for (size_t i = validation.size() > 3 ? 1 : 0; i < validation.size(); ++i)
    shown.push_back(validation[i].value);
  const auto [low, high] = std::minmax_element(shown.begin(), shown.end());
  const double margin = std::max(0.06 * (*high - *low), 1e-3 * std::abs(*high) + 1e-12);
  return {*low - margin, *high + margin, 1};
}

class Curves {
 public:
  Curves(const TrainingCurves& curves, const FigureSize& size)
      : curves_(curves),
        size_(size),
        train_(thinned(curves.train_loss)),
        has_rate_(!curves.learning_rate.empty()) {
    for (const Points* points : {&curves.train_loss, &curves.validation_loss, &curves.learning_rate})
      if (!points->empty()) last_step_ = std::max(last_step_, points->back().step);
  }

  Figure figure() {
    place_panels();
    draw_losses();
    if (has_rate_) draw_rate();
    const Panel& last = has_rate_ ? rate_ : losses_;
    svg_.text({"step"}, {(last.left + last.right()) / 2, size_.height - 0.5 * size_.letters},
              {size_.letters, Anchor::middle});
    if (!curves_.title.empty())
      svg_.text({curves_.title}, {losses_.left, 1.9 * size_.letters}, {1.25 * size_.letters});
    return {curves_.title.empty() ? "Training curves" : curves_.title,
            description(),
            size_.width,
            size_.height,
            std::move(svg_),
            numbers()};
  }

 private:
  // The losses' panel takes what the learning rate, a quarter as high, leaves.
  void place_panels() {
    const double letters = size_.letters,
                 top = legend_top() + static_cast<double>(legend_rows().size()) * line_height * letters;
    const double bottom = size_.height - 3.6 * letters, gap = has_rate_ ? 1.8 * letters : 0;
    const double rate_height = has_rate_ ? 0.24 * (bottom - top) : 0;
    losses_.top = top;
    losses_.height = bottom - top - gap - rate_height;
    losses_.x = rate_.x = {0, last_step_, 1};
    losses_.y = loss_range(train_, curves_.validation_loss);
    rate_.top = bottom - rate_height;
    rate_.height = rate_height;
    double highest = 0;
    for (const Point& point : curves_.learning_rate) highest = std::max(highest, point.value);
    rate_.y = {0, highest > 0 ? 1.15 * highest : 1, 1};
    const double widest = std::max(widest_label(loss_ticks()), has_rate_ ? widest_label(rate_ticks()) : 0.0);
    losses_.left = rate_.left = widest + 2.6 * letters;
    losses_.width = rate_.width = size_.width - 2.4 * letters - losses_.left;
  }

  AxisTicks step_ticks(bool labelled) const {
    const int most = std::clamp(static_cast<int>(losses_.width / (7 * size_.letters)), 2, 8);
    std::vector<Tick> all = ticks(0, last_step_, most);
    for (Tick& tick : all)
      if (tick.position == std::floor(tick.position))
        tick.text = style::grouped(static_cast<long long>(tick.position));
    return {all, labelled, size_.letters};
  }
  AxisTicks loss_ticks() const { return {ticks(losses_.y.low, losses_.y.high, 6), true, size_.letters}; }
  AxisTicks rate_ticks() const { return {ticks(rate_.y.low, rate_.y.high, 3), true, size_.letters}; }

  static std::vector<Pixel> pixels(const Panel& panel, const Points& points) {
    std::vector<Pixel> found;
    for (const Point& point : points) found.push_back(panel.at(point.step, point.value));
    return found;
  }

  void axis_title(const std::string& text, const Panel& panel) {
    svg_.text({text}, {1.3 * size_.letters, panel.top + panel.height / 2},
              {size_.letters, Anchor::middle, "", -90});
  }

  void draw_losses() {
    const AxisTicks x = step_ticks(!has_rate_), y = loss_ticks();
    draw_grid(svg_, losses_, x, y);
    const double ring = 6;  // the mark of the best loss, which may be that of the last step
    svg_.open_clip({losses_.left, losses_.top}, losses_.width + 1.2 * ring, losses_.height);
    svg_.polyline(pixels(losses_, train_), "line thin soft");
    svg_.polyline(pixels(losses_, smoothed(train_)), "line own");
    const std::vector<Pixel> validation = pixels(losses_, curves_.validation_loss);
    svg_.polyline(validation, "line other");
    if (validation.size() <= most_dots)
      for (const Pixel point : validation) svg_.circle(point, 2.2, "area other");
    if (const std::optional<Point> best = curves_.best())
      svg_.circle(losses_.at(best->step, best->value), ring, "line other");
    svg_.close_clip();
    draw_frame(svg_, losses_, x, y);
    axis_title("loss", losses_);
    draw_legend();
  }

  struct Entry {
    std::string text;
    const char *line, *classes;
  };
  double entry_width(const Entry& entry) const {
    return text_width(entry.text, size_.letters) + (*entry.line != 0 ? 1.4 * swatch * size_.letters : 0);
  }
  double legend_top() const { return (curves_.title.empty() ? 0.4 : 2.6) * size_.letters; }

  // Over the panel, where no curve passes: in one row, or in several where the figure is narrow.
  std::vector<std::vector<Entry>> legend_rows() const {
    std::vector<Entry> entries;
    if (!curves_.train_loss.empty()) entries.push_back({"training", "line own", ""});
    if (const std::string best = best_text(); !best.empty()) {
      entries.push_back({"validation", "line other", ""});
      entries.push_back({best, "", "faint"});
    }
    std::vector<std::vector<Entry>> rows(1);
    double room = 0;
    for (const Entry& entry : entries) {
      const double width = entry_width(entry) + entry_gap * size_.letters;
      if (width > room && !rows.back().empty()) rows.emplace_back();
      if (rows.back().empty()) room = size_.width - 10 * size_.letters;
      room -= width;
      rows.back().push_back(entry);
    }
    return rows;
  }

  void draw_legend() {
    const double letters = size_.letters;
    double y = legend_top() + 0.5 * letters;
    for (const std::vector<Entry>& row : legend_rows()) {
      double x = losses_.left;
      for (const Entry& entry : row) {
        const double line = *entry.line != 0 ? swatch * letters : 0;
        if (line > 0) svg_.line({x, y}, {x + line, y}, entry.line);
        svg_.text({entry.text}, {x + 1.4 * line, y + 0.36 * letters},
                  {letters, Anchor::start, entry.classes});
        x += entry_width(entry) + entry_gap * letters;
      }
      y += line_height * letters;
    }
  }

  std::string best_text() const {
    const std::optional<Point> best = curves_.best();
    if (!best) return "";
    return "best " + core::brief_text(best->value) + " at step " + style::grouped(std::llround(best->step));
  }

  void draw_rate() {
    const AxisTicks x = step_ticks(true), y = rate_ticks();
    draw_grid(svg_, rate_, x, y);
    svg_.open_clip({rate_.left, rate_.top}, rate_.width, rate_.height);
    svg_.polyline(pixels(rate_, thinned(curves_.learning_rate)), "line truth");
    svg_.close_clip();
    draw_frame(svg_, rate_, x, y);
    axis_title(rate_.height > 8 * size_.letters ? "learning rate" : "rate", rate_);
  }

  std::string description() const {
    std::string text = "Loss by step of training, " + style::grouped(std::llround(last_step_)) + " steps.";
    if (!curves_.train_loss.empty())
      text += " The training loss goes from " + core::brief_text(curves_.train_loss.front().value) + " to " +
              core::brief_text(curves_.train_loss.back().value) + ".";
    if (curves_.best())
      text += " Validation loss: " + best_text() + ", " +
              core::brief_text(curves_.validation_loss.back().value) + " at the end.";
    return text;
  }

  Numbers numbers() const {
    Numbers found;
    const auto add_columns = [&](const std::string& name, const Points& points) {
      if (points.empty()) return;
      Numbers::Column steps{"step (" + name + ")", {}}, values{name, {}};
      for (const Point& point : points) {
        steps.values.push_back(point.step);
        values.values.push_back(point.value);
      }
      found.columns.push_back(std::move(steps));
      found.columns.push_back(std::move(values));
    };
    add_columns("training loss", train_);
    add_columns("validation loss", curves_.validation_loss);
    add_columns("learning rate", thinned(curves_.learning_rate));
    if (train_.size() < curves_.train_loss.size()) found.note = "training losses are means of neighbours";
    return found;
  }

  const TrainingCurves& curves_;
  FigureSize size_;
  Points train_;
  bool has_rate_;
  double last_step_ = 1;
  Panel losses_, rate_;
  Svg svg_;
};

}  // namespace

std::optional<TrainingCurves::Point> TrainingCurves::best() const {
  if (validation_loss.empty()) return std::nullopt;
  return *std::min_element(validation_loss.begin(), validation_loss.end(),
                           [](const Point& a, const Point& b) { return a.value < b.value; });
}

TrainingCurves read_metrics(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw core::UserError("cannot read " + path + "; give the metrics.jsonl of a run folder");
  TrainingCurves curves;
  int64_t number = 0;
  for (std::string text; std::getline(file, text);) {
    ++number;
    const nlohmann::json line = nlohmann::json::parse(text, nullptr, false);
    const bool cut_short = file.eof();  // no newline at its end
    const bool good = line.is_object() && line.contains("step") && line["step"].is_number();
    if (!good && cut_short) break;
    if (!good)
      throw core::UserError(
          path + ":" + std::to_string(number) +
          ": not a JSON object with a step; the file is not a run's metrics.jsonl or is damaged");
    const double step = line["step"].get<double>();
    add(curves.train_loss, line, "train_loss", step);
    add(curves.validation_loss, line, "val_loss", step);
    add(curves.learning_rate, line, "lr", step);
  }
  if (curves.train_loss.empty() && curves.validation_loss.empty())
    throw core::UserError(path + " holds no losses yet; train for some steps first");
  return curves;
}

Figure curves_figure(const TrainingCurves& curves, const FigureSize& size) {
  return Curves(curves, size).figure();
}

}  // namespace fluxsbi::report
