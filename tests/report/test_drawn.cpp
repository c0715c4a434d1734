// Pictures as they are drawn, not the scripts that draw them: points lie where the data say.
#include <cmath>
#include <fstream>
#include <iterator>

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include "core/philox.hpp"
#include "report/corner.hpp"
#include "report/curves.hpp"
#include "report/gnuplot.hpp"
#include "report/svg.hpp"
#include "support/temporary_folder.hpp"

using namespace fluxsbi;
using namespace fluxsbi::report::test;
using Catch::Approx;
using fluxsbi::test::TemporaryFolder;

namespace {

// gnuplot writes hundredths of a pixel, and rounds to about as much.
constexpr double pixel = 0.05;

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Ticks whose axis line stands at `across`.
Scale scale_at(const std::vector<LabelledTick>& ticks, double across) {
  std::vector<LabelledTick> here;
  for (const LabelledTick& tick : ticks) {
    if (std::abs(tick.across - across) < 1) here.push_back(tick);
  }
  REQUIRE(here.size() >= 2);
  return {here.front(), here.back()};
}

}  // namespace

TEST_CASE("training curves are drawn where the metrics say", "[report][curves][gnuplot]") {
  if (!report::has_gnuplot()) SKIP("gnuplot is not installed");
  const TemporaryFolder folder;
  const std::vector<double> losses{2, 1.5, 1, 1.25, 1.75}, rates{0.001, 0.002, 0.004, 0.003, 0.001};
  {
    std::ofstream metrics(folder.file("metrics.jsonl"));
    for (size_t i = 0; i < losses.size(); ++i) {
      metrics << "{\"step\": " << 10 * (i + 1) << ", \"train_loss\": " << 2.5 - 0.3 * static_cast<double>(i)
              << ", \"val_loss\": " << losses[i] << ", \"lr\": " << rates[i] << "}\n";
    }
  }
  report::draw_training_curves(folder.file("metrics.jsonl"), folder.file("curves.svg"));
  const std::string svg = read(folder.file("curves.svg"));
  CHECK(svg.find("viewBox=\"0 0 1000 620\"") != std::string::npos);

  const auto x_ticks = labelled_ticks(svg, true), y_ticks = labelled_ticks(svg, false);
  REQUIRE(x_ticks.size() >= 2);
  const Scale step(x_ticks.front(), x_ticks.back());
  // The losses' axis is drawn first; its ticks end where the pixels jump down to the panel of rates.
  size_t count = 1;
  while (count < y_ticks.size() && y_ticks[count].pixel < y_ticks[count - 1].pixel) ++count;
  REQUIRE(count >= 2);
  REQUIRE(y_ticks.size() >= count + 2);
  const Scale loss(y_ticks[0], y_ticks[count - 1]), rate(y_ticks[count], y_ticks.back());
  const double step_pixel = step.value(pixel) - step.value(0), loss_pixel = loss.value(0) - loss.value(pixel);

  const auto validation = marks(drawn_by(svg, "$Validation"), "gpPt6");
  REQUIRE(validation.size() == losses.size());
  for (size_t i = 0; i < losses.size(); ++i) {
    CHECK(step.value(validation[i].x) == Approx(10.0 * static_cast<double>(i + 1)).margin(step_pixel));
    CHECK(loss.value(validation[i].y) == Approx(losses[i]).margin(loss_pixel));
  }
  const auto training = line_points(drawn_by(svg, "$Train"), "rgb(201, 220, 240)");
  REQUIRE(training.size() == losses.size());
  CHECK(loss.value(training[1].y) == Approx(2.2).margin(loss_pixel));
  const auto best = marks(svg, "gpPt5");
  REQUIRE(best.size() == 1);  // around the least validation loss
  CHECK(std::abs(best[0].x - validation[2].x) < pixel);
  CHECK(std::abs(best[0].y - validation[2].y) < pixel);

  const auto course = line_points(drawn_by(svg, "$Rate"), "rgb( 60,  64,  67)");
  REQUIRE(course.size() == rates.size());
  const double rate_pixel = rate.value(0) - rate.value(pixel);
  for (size_t i = 0; i < rates.size(); ++i) {
    CHECK(rate.value(course[i].y) == Approx(rates[i]).margin(rate_pixel));
  }
}

TEST_CASE("a corner plot draws its histograms, contours and true values where the draws lie",
          "[report][corner][gnuplot]") {
  if (!report::has_gnuplot()) SKIP("gnuplot is not installed");
  const TemporaryFolder folder;
  constexpr double mean[2] = {2, -5}, deviation[2] = {0.1, 0.5}, truth[2] = {2.05, -4.5};
  core::Philox random(7, core::Purpose::test);
  std::vector<double> values(4000);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<double>(mean[i % 2] + deviation[i % 2] * random.normal());
  report::CornerPlot plot;
  plot.names = {"a", "b"};
  plot.samples = {"posterior", values};
  plot.truth = {truth[0], truth[1]};
  report::draw_corner(plot, folder.file("corner.svg"));
  const std::string svg = read(folder.file("corner.svg"));
  const std::string size = std::to_string(report::corner_script(plot).size);
  CHECK(svg.find("viewBox=\"0 0 " + size + " " + size + "\"") != std::string::npos);

  // The labelled axes: a below the pair's panel, b left of it and below its own marginal.
  const auto x_ticks = labelled_ticks(svg, true), y_ticks = labelled_ticks(svg, false);
  REQUIRE(y_ticks.size() >= 2);
  const Scale b_upwards = scale_at(y_ticks, y_ticks.front().across);
  size_t count = 1;
  while (count < x_ticks.size() && x_ticks[count].value > x_ticks[count - 1].value) ++count;
  REQUIRE(count >= 2);
  REQUIRE(x_ticks.size() >= count + 2);
  const Scale a(x_ticks[0], x_ticks[count - 1]), b(x_ticks[count], x_ticks.back());

  const auto outline = [&](const std::string& data) {  // of a histogram
    return line_points(drawn_by(svg, data, 1), "rgb( 31,  95, 168)");
  };
  const auto centre = [&](const std::vector<Pixel>& steps, const Scale& scale) {  // its mean
    double floor = 0, weight = 0, sum = 0;
    for (const Pixel& corner : steps) floor = std::max(floor, corner.y);
    for (size_t i = 1; i < steps.size(); ++i) {
      const double area = (floor - steps[i].y) * (steps[i].x - steps[i - 1].x);
      weight += area;
      sum += area * scale.value((steps[i].x + steps[i - 1].x) / 2);
    }
    return sum / weight;
  };
  // The mean of 2,000 draws scatters by deviation / 45.
  CHECK(centre(outline("$Samples0"), a) == Approx(mean[0]).margin(0.1 * deviation[0]));
  CHECK(centre(outline("$Samples1"), b) == Approx(mean[1]).margin(0.1 * deviation[1]));

  // The outer contour of 90 % of a normal distribution of two variables has a radius of 2.15 deviations.
  double left = 1e9, right = -1e9, low = 1e9, high = -1e9;
  for (const Pixel& corner : line_points(drawn_by(svg, "$Lines1_0"), "rgb( 18,  58, 107)")) {
    left = std::min(left, a.value(corner.x)), right = std::max(right, a.value(corner.x));
    low = std::min(low, b_upwards.value(corner.y)), high = std::max(high, b_upwards.value(corner.y));
  }
  CHECK(left == Approx(mean[0] - 2.15 * deviation[0]).margin(0.4 * deviation[0]));
  CHECK(right == Approx(mean[0] + 2.15 * deviation[0]).margin(0.4 * deviation[0]));
  CHECK(low == Approx(mean[1] - 2.15 * deviation[1]).margin(0.4 * deviation[1]));
  CHECK(high == Approx(mean[1] + 2.15 * deviation[1]).margin(0.4 * deviation[1]));

  // Dashed: the legend's line, a's in its marginal, a's and b's in the pair's panel, b's in its marginal.
  const auto dashes = line_points(svg, "rgb( 38,  38,  38)");
  REQUIRE(dashes.size() == 10);
  const double a_pixel = a.value(pixel) - a.value(0), b_pixel = b.value(pixel) - b.value(0);
  CHECK(a.value(dashes[2].x) == Approx(truth[0]).margin(a_pixel));
  CHECK(a.value(dashes[4].x) == Approx(truth[0]).margin(a_pixel));
  CHECK(b_upwards.value(dashes[6].y) == Approx(truth[1]).margin(b_pixel));
  CHECK(b.value(dashes[8].x) == Approx(truth[1]).margin(b_pixel));
}
