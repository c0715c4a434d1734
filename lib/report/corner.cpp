#include "report/corner.hpp"

#include <algorithm>
#include <cmath>
#include <locale>
#include <map>
#include <sstream>

#include "core/text.hpp"
#include "report/corner_data.hpp"
#include "report/gnuplot.hpp"
#include "report/style.hpp"

namespace fluxsbi::report {

namespace {

// Pixels. Left and right together are top and bottom together, so that picture and panels are square.
constexpr int left = 94, right = 24, top = 46, bottom = 72, gap = 14;
constexpr int character_width = 8;  // of tick labels, at most
constexpr int least_size = 900, base_size = 260, size_per_dimension = 165;

class Corner {
 public:
  explicit Corner(const CornerPlot& plot)
      : plot_(plot),
        count_(std::max(1, static_cast<int>(plot.names.size()))),
        size_(std::max(least_size, base_size + size_per_dimension * count_)),
        panel_((size_ - left - right - (count_ - 1) * gap) / count_),
        data_(corner_data(plot, panel_)) {
    out_.imbue(std::locale::classic());
    out_.precision(14);
  }

  CornerScript script() {
    write_data();
    out_ << style::panel()
         << "set palette defined (0 '#f4f8fc', 0.25 '#bcd5ee', 0.6 '#4f8fcb', 1 '#123a6b')\n"
         << "set cbrange [0:1]\nset multiplot\n";
    for (int row = 0; row < count_; ++row) {
      for (int column = 0; column <= row; ++column) {
        place(row, column);
        if (row == column) {
          write_marginal(row);
        } else {
          write_pair(row, column);
        }
      }
    }
    out_ << "unset multiplot\n";
    return {out_.str(), size_};
  }

 private:
  static std::string pair_id(int row, int column) {
    return std::to_string(row) + "_" + std::to_string(column);
  }
  int x_of(int column) const { return left + column * (panel_ + gap); }
  int y_of(int row) const { return top + row * (panel_ + gap); }
  // "at screen x, screen y" of pixels from the picture's top left corner.
  std::string at(double x, double y) const {
    return "screen " + core::number_text(x / size_) + ", screen " + core::number_text(1 - y / size_);
  }

  // Histograms and densities first: a datablock cannot be written inside a multiplot.
  void write_data() {
    peaks_.assign(data_.axes.size(), 0);
    for (size_t j = 0; j < data_.axes.size(); ++j) {
      const std::string id = std::to_string(j);
      peaks_[j] =
          write_histogram(out_, "$Samples" + id, data_.samples[j], data_.axes[j], data_.histogram_bins);
      if (data_.has_reference())
        peaks_[j] = std::max(peaks_[j], write_histogram(out_, "$Reference" + id, data_.reference[j],
                                                        data_.axes[j], data_.histogram_bins));
      if (!plot_.prior.empty()) write_prior(id, plot_.prior[j]);
    }
    for (int i = 1; i < count_; ++i) {
      for (int j = 0; j < i; ++j) {
        const std::string id = pair_id(i, j);
        const Axis &x = data_.axes[j], &y = data_.axes[i];
        const ShownDensity shown = shown_density(data_.samples[j], data_.samples[i], x, y);
        shades_[id] = write_shades(out_, "$Shades" + id, shown.density);
        write_contours(out_, "$Lines" + id, shown);
        if (data_.has_reference())
          write_contours(out_, "$LinesR" + id, shown_density(data_.reference[j], data_.reference[i], x, y));
      }
    }
  }

  void write_prior(const std::string& id, const std::vector<std::pair<double, double>>& curve) {
    out_ << "$Prior" << id << " << EOD\n";
    for (const auto& [place, density] : curve) out_ << place << ' ' << density << '\n';
    out_ << "EOD\n";
  }

  // Position, range, ticks and labels of a panel.
  void place(int row, int column) {
    const double l = x_of(column), t = y_of(row);
    out_ << "unset label\nunset arrow\nunset object\n"
         << "set lmargin at screen " << l / size_ << "\nset rmargin at screen " << (l + panel_) / size_
         << "\nset tmargin at screen " << 1 - t / size_ << "\nset bmargin at screen "
         << 1 - (t + panel_) / size_ << '\n';
    const Axis& x = data_.axes[column];
    out_ << "set xrange [" << x.low << ":" << x.high << "]\n";
    write_ticks("x", x, row == count_ - 1);
    if (row == column) {
      out_ << "set yrange [0:" << peaks_[row] * (count_ == 1 ? 1.35 : 1.12) << "]\nunset ytics\n";
    } else {
      const Axis& y = data_.axes[row];
      out_ << "set yrange [" << y.low << ":" << y.high << "]\n";
      write_ticks("y", y, column == 0);
    }
    if (row == count_ - 1)
      out_ << "set label " << gnuplot_string(axis_label(plot_.names[column])) << " at "
           << at(l + panel_ / 2.0, size_ - 18) << " center font ',13' textcolor rgb '" << style::ink << "'\n";
    if (column == 0 && row > 0)
      out_ << "set label " << gnuplot_string(axis_label(plot_.names[row])) << " at "
           << at(20, t + panel_ / 2.0) << " center rotate by 90 font ',13' textcolor rgb '" << style::ink
           << "'\n";
    if (row == 0 && column == 0) write_headings();
  }

  void write_ticks(const char* which, const Axis& axis, bool labelled) {
    const std::vector<Tick> all = ticks(axis.low, axis.high, std::clamp(panel_ / 55, 3, 6));
    size_t longest = 0;
    out_ << "set " << which << "tics (";
    for (size_t i = 0; i < all.size(); ++i) {
      longest = std::max(longest, all[i].text.size());
      out_ << (i > 0 ? ", '" : "'") << (labelled ? all[i].text : "") << "' " << all[i].position;
    }
    const double spacing =
        (all.size() < 2 ? 1 : (all[1].position - all[0].position) / (axis.high - axis.low)) * panel_;
    const bool crowded = *which == 'x' && static_cast<double>(longest * character_width) > 0.85 * spacing;
    out_ << ") nomirror out scale 0.5 textcolor rgb '" << style::ink << "'"
         << (panel_ < 240 ? " font ',9'" : "") << (crowded ? " rotate by 45 right" : " norotate") << '\n';
  }

  // Dashed lines at the true parameters of this panel.
  void write_truth(int row, int column) {
    if (plot_.truth.empty()) return;
    const std::string look =
        " nohead front lw 1.4 dashtype (12,8) lc rgb '" + std::string(style::truth) + "'\n";
    if (std::isfinite(plot_.truth[column]))
      out_ << "set arrow from " << plot_.truth[column] << ", graph 0 to " << plot_.truth[column]
           << ", graph 1" << look;
    if (row != column && std::isfinite(plot_.truth[row]))
      out_ << "set arrow from graph 0, first " << plot_.truth[row] << " to graph 1, first "
           << plot_.truth[row] << look;
  }

  void write_marginal(int index) {
    write_truth(index, index);
    const std::string id = std::to_string(index);
    out_ << "plot $Samples" << id << " with fillsteps fs solid 1 noborder lc rgb '" << style::primary_light
         << "', $Samples" << id << " with steps lw 1.6 lc rgb '" << style::primary << "'";
    if (data_.has_reference())
      out_ << ", $Reference" << id << " with steps lw 1.6 lc rgb '" << style::second << "'";
    if (!plot_.prior.empty())
      out_ << ", $Prior" << id << " with lines lw 1.2 lc rgb '" << style::faint_ink << "'";
    out_ << '\n';
  }

  void write_pair(int row, int column) {
    write_truth(row, column);
    const std::string id = pair_id(row, column);
    out_ << "plot " << shades_.at(id) << " with image, $Lines" << id
         << " using 1:2 with lines lw 0.9 lc rgb '" << style::primary_dark << "'";
    if (data_.has_reference())
      out_ << ", $LinesR" << id << " using 1:2 with lines lw 1.1 lc rgb '" << style::second << "'";
    out_ << '\n';
  }

  // Title and legend, in the empty corner.
  void write_headings() {
    if (!plot_.title.empty())
      out_ << "set label " << gnuplot_string(plain_label(plot_.title)) << " at " << at(left, 24)
           << " left font ',14' textcolor rgb '" << style::ink << "'\n";
    const double x = count_ == 1 ? left + panel_ - 250 : x_of(1) + 26;
    double y = top + 22;
    const auto text = [&](const std::string& words, const char* colour) {
      out_ << "set label " << gnuplot_string(plain_label(words)) << " at " << at(x + 42, y)
           << " left textcolor rgb '" << colour << "'\n";
      y += 26;
    };
    const auto line = [&](const std::string& look) {
      out_ << "set arrow from " << at(x, y) << " to " << at(x + 30, y) << " nohead " << look << '\n';
    };
    const auto draws = [](const std::string& label, size_t count) {
      return label + " (" + style::grouped(static_cast<long long>(count)) + " draws)";
    };
    out_ << "set object rectangle from " << at(x, y - 7) << " to " << at(x + 30, y + 7)
         << " fs solid 1 border lc rgb '" << style::primary << "' fc rgb '" << style::primary_light
         << "' lw 1.4\n";
    text(draws(plot_.samples.label, data_.samples[0].size()), style::ink);
    if (data_.has_reference()) {
      line("lw 2 lc rgb '" + std::string(style::second) + "'");
      text(draws(plot_.reference.label, data_.reference[0].size()), style::ink);
    }
    if (!plot_.prior.empty()) {
      line("lw 1.2 lc rgb '" + std::string(style::faint_ink) + "'");
      text("prior", style::ink);
    }
    if (!plot_.truth.empty()) {
      line("lw 1.4 dashtype (12,8) lc rgb '" + std::string(style::truth) + "'");
      text("true parameters", style::ink);
    }
    if (count_ > 1) text("contours hold 50 % and 90 % of the draws", style::faint_ink);
  }

  const CornerPlot& plot_;
  int count_, size_, panel_;
  CornerData data_;
  std::vector<double> peaks_;                  // highest density of each marginal
  std::map<std::string, std::string> shades_;  // pair -> how to plot its density
  std::ostringstream out_;
};

}  // namespace

CornerScript corner_script(const CornerPlot& plot) {
  return Corner(plot).script();
}

void draw_corner(const CornerPlot& plot, const std::string& path) {
  const CornerScript script = corner_script(plot);
  draw(script.text, script.size, script.size, path);
}

}  // namespace fluxsbi::report
