#include "report/curves.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <locale>
#include <sstream>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/text.hpp"
#include "report/axis.hpp"
#include "report/gnuplot.hpp"
#include "report/style.hpp"

namespace fluxsbi::report {

namespace {

using Point = TrainingCurves::Point;
using Points = std::vector<Point>;

// Pixels, from the picture's left and top.
constexpr int width = 1000, height = 620, left = 100, right = 960;
constexpr int losses_top = 52, losses_bottom = 420, rate_top = 446, rate_bottom = 556;
constexpr size_t most_points = 1200;
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
  explicit Curves(const TrainingCurves& curves) : curves_(curves) {
    out_.imbue(std::locale::classic());
    out_.precision(8);
    for (const Points* points : {&curves.train_loss, &curves.validation_loss, &curves.learning_rate})
      if (!points->empty()) last_step_ = std::max(last_step_, points->back().step);
  }

  std::string script() {
    const Points train = thinned(curves_.train_loss), course = smoothed(train);
    block("$Train", train);
    block("$Course", course);
    block("$Validation", curves_.validation_loss);
    block("$Rate", thinned(curves_.learning_rate));
    out_ << style::panel() << "set multiplot\nset xrange [0:" << last_step_ << "]\n";
    const bool has_rate = !curves_.learning_rate.empty();
    write_losses(loss_range(train, curves_.validation_loss), !has_rate);
    if (has_rate) write_rate();
    out_ << "unset multiplot\n";
    return out_.str();
  }

 private:
  static std::string at(double x, double y) {
    return "screen " + core::number_text(x / width) + ", screen " + core::number_text(1 - y / height);
  }

  void block(const char* name, const Points& points) {
    out_ << name << " << EOD\n";
    for (const Point& point : points) out_ << point.step << ' ' << point.value << '\n';
    out_ << "EOD\n";
  }

  void place(int top, int bottom, const Axis& y, int y_ticks, bool last) {
    out_ << "unset label\nunset arrow\nset lmargin at screen " << double{left} / width
         << "\nset rmargin at screen " << double{right} / width << "\nset tmargin at screen "
         << 1 - double(top) / height << "\nset bmargin at screen " << 1 - double(bottom) / height
         << "\nset yrange [" << y.low << ":" << y.high << "]\n";
    write_ticks("x", ticks(0, last_step_, 8), last);
    write_ticks("y", ticks(y.low, y.high, y_ticks), true);
  }

  void write_ticks(const char* which, const std::vector<Tick>& all, bool labelled) {
    out_ << "set " << which << "tics (";
    for (size_t i = 0; i < all.size(); ++i)
      out_ << (i > 0 ? ", '" : "'") << (labelled ? step_text(which, all[i]) : "") << "' " << all[i].position;
    out_ << ") nomirror out scale 0.5 textcolor rgb '" << style::ink << "'\n";
  }

  static std::string step_text(const char* which, const Tick& tick) {
    const bool whole = *which == 'x' && tick.position == std::floor(tick.position);
    return whole ? style::grouped(static_cast<long long>(tick.position)) : tick.text;
  }

  void label(const std::string& text, double x, double y, const std::string& look) {
    out_ << "set label " << gnuplot_string(plain_label(text)) << " at " << at(x, y) << ' ' << look << '\n';
  }

  void axis_title(const std::string& text, double y) {
    label(text, 18, y, "center rotate by 90 textcolor rgb '" + std::string(style::ink) + "'");
  }

  void step_title(double y) {
    label("step", (left + right) / 2.0, y, "center textcolor rgb '" + std::string(style::ink) + "'");
  }

  void write_losses(const Axis& range, bool alone) {
    place(losses_top, alone ? rate_bottom : losses_bottom, range, 6, alone);
    axis_title("loss", (losses_top + (alone ? rate_bottom : losses_bottom)) / 2.0);
    if (alone) step_title(height - 24);
    if (!curves_.title.empty())
      label(curves_.title, left, 26, "left font ',14' textcolor rgb '" + std::string(style::ink) + "'");
    write_legend();
    std::string separator = "plot ";
    const auto line = [&](const std::string& what) {
      out_ << separator << what;
      separator = ", ";
    };
    if (!curves_.train_loss.empty()) {
      line("$Train with lines lw 1 lc rgb '" + std::string(style::primary_light) + "'");
      line("$Course with lines lw 1.8 lc rgb '" + std::string(style::primary) + "'");
    }
    if (!curves_.validation_loss.empty()) {
      line("$Validation with linespoints pt 7 ps 0.45 lw 1.8 lc rgb '" + std::string(style::second) + "'");
      const Point best = *curves_.best();
      std::ostringstream mark;
      mark.imbue(std::locale::classic());
      mark.precision(8);
      mark << "'+' using (" << best.step << "):(" << best.value
           << ") every ::0::0 with points pt 6 ps 1.9 lw 1.8 lc rgb '" << style::second << "'";
      line(mark.str());
    }
    out_ << '\n';
  }

  void write_legend() {
    const double x = right - 270;
    double y = losses_top + 22;
    const auto entry = [&](const std::string& text, const char* colour) {
      out_ << "set arrow from " << at(x, y) << " to " << at(x + 28, y) << " nohead front lw 2 lc rgb '"
           << colour << "'\n";
      label(text, x + 40, y, "left front textcolor rgb '" + std::string(style::ink) + "'");
      y += 24;
    };
    if (!curves_.train_loss.empty()) entry("training", style::primary);
    const std::optional<Point> best = curves_.best();
    if (!best) return;
    entry("validation", style::second);
    char text[80];
    std::snprintf(text, sizeof text, "best %.4g at step ", best->value);
    label(text + style::grouped(std::llround(best->step)), x + 40, y,
          "left front textcolor rgb '" + std::string(style::faint_ink) + "'");
  }

  void write_rate() {
    double highest = 0;
    for (const Point& point : curves_.learning_rate) highest = std::max(highest, point.value);
    place(rate_top, rate_bottom, {0, highest > 0 ? 1.15 * highest : 1, 1}, 3, true);
    axis_title("learning rate", (rate_top + rate_bottom) / 2.0);
    step_title(height - 24);
    out_ << "plot $Rate with lines lw 1.8 lc rgb '" << style::ink << "'\n";
  }

  const TrainingCurves& curves_;
  double last_step_ = 1;
  std::ostringstream out_;
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

std::string curves_script(const TrainingCurves& curves) {
  return Curves(curves).script();
}

void draw_training_curves(const std::string& metrics, const std::string& path) {
  draw_curves(read_metrics(metrics), path);
}

void draw_curves(const TrainingCurves& curves, const std::string& path) {
  draw(curves_script(curves), width, height, path);
}

}  // namespace fluxsbi::report
