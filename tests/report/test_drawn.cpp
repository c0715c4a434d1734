// Pictures as they are drawn: points lie where the data say.
#include <cmath>

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "core/error.hpp"
#include "core/philox.hpp"
#include "report/corner.hpp"
#include "report/curves.hpp"
#include "report/drawn.hpp"
#include "report/findings_figure.hpp"
#include "report/graph.hpp"

using namespace fluxsbi;
using namespace fluxsbi::report::test;
using Catch::Approx;
using Catch::Matchers::ContainsSubstring;

namespace {

// Coordinates are tenths of a pixel; ticks and marks are rounded each for itself.
constexpr double pixel = 0.15;

// 5e6 with a deviation of 0.7.
std::vector<double> far_from_zero() {
  std::vector<double> draws;
  for (int i = 0; i < 500; ++i) draws.push_back(5e6 + std::sin(i));
  return draws;
}

double size_of(const Scale& scale) {
  return std::abs(scale.slope) * pixel;
}

}  // namespace

TEST_CASE("training curves are drawn where the metrics say", "[report][curves]") {
  const std::vector<double> losses{2, 1.5, 1, 1.25, 1.75}, rates{0.001, 0.002, 0.004, 0.003, 0.001};
  report::TrainingCurves curves;
  for (size_t i = 0; i < losses.size(); ++i) {
    const double step = 10.0 * static_cast<double>(i + 1);
    curves.train_loss.push_back({step, 2.5 - 0.3 * static_cast<double>(i)});
    curves.validation_loss.push_back({step, losses[i]});
    curves.learning_rate.push_back({step, rates[i]});
  }
  const report::Figure figure = report::curves_figure(curves);
  const auto root = read_xml(report::svg_file(figure));
  const auto panels = drawn_panels(*root);
  REQUIRE(panels.size() == 2);
  const Scale step = panels[1].x(), loss = panels[0].y(), rate = panels[1].y();

  const auto circles = elements(*panels[0].inside, "circle");
  REQUIRE(circles.size() == losses.size() + 1);
  for (size_t i = 0; i < losses.size(); ++i) {
    CHECK(step(circles[i]->number("cx")) == Approx(10.0 * static_cast<double>(i + 1)).margin(size_of(step)));
    CHECK(loss(circles[i]->number("cy")) == Approx(losses[i]).margin(size_of(loss)));
  }
  const Element& best = *circles.back();  // around the least validation loss
  CHECK(best.attribute("cx") == circles[2]->attribute("cx"));
  CHECK(best.attribute("cy") == circles[2]->attribute("cy"));
  const auto training = panels[0].points("soft");
  REQUIRE(training.size() == losses.size());
  CHECK(loss(training[1].y) == Approx(2.2).margin(size_of(loss)));
  const auto course = panels[1].points("line");
  REQUIRE(course.size() == rates.size());
  for (size_t i = 0; i < rates.size(); ++i)
    CHECK(rate(course[i].y) == Approx(rates[i]).margin(size_of(rate)));

  CHECK_THAT(figure.description, ContainsSubstring("best 1 at step 30"));
  REQUIRE(figure.numbers.columns.size() == 6);
  CHECK(figure.numbers.columns[3].values == losses);
  curves.validation_loss.clear();
  curves.learning_rate.clear();
  CHECK(drawn_panels(*read_xml(report::svg_file(report::curves_figure(curves)))).size() == 1);
}

TEST_CASE("a corner plot draws its histograms, contours and true values where the draws lie",
          "[report][corner]") {
  constexpr double mean[2] = {2, -5}, deviation[2] = {0.1, 0.5}, truth[2] = {2.05, -4.5};
  core::Philox random(7, core::Purpose::test);
  std::vector<double> values(4000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = mean[i % 2] + deviation[i % 2] * random.normal();
  report::CornerPlot plot;
  plot.names = {"a", "b"};
  plot.samples = {"posterior", values};
  plot.truth = {truth[0], truth[1]};
  plot.panel = GENERATE(0, 150);
  const report::Figure figure = report::corner_figure(plot);
  const auto root = read_xml(report::svg_file(figure));
  if (plot.panel == 0) CHECK(root->attribute("viewBox") == "0 0 900 900");
  if (plot.panel == 150) CHECK(figure.width < 450);

  const auto panels = drawn_panels(*root);  // a; the pair; b
  REQUIRE(panels.size() == 3);
  const Scale a = panels[1].x(), b_upwards = panels[1].y(), b = panels[2].x();
  const auto centre = [](const DrawnPanel& panel, const Scale& scale) {  // of a histogram
    const auto steps = panel.points("area");
    double floor = 0, weight = 0, sum = 0;
    for (const report::Pixel& corner : steps) floor = std::max(floor, corner.y);
    for (size_t i = 1; i < steps.size(); ++i) {
      const double area = (floor - steps[i].y) * (steps[i].x - steps[i - 1].x);
      weight += area;
      sum += area * scale((steps[i].x + steps[i - 1].x) / 2);
    }
    return sum / weight;
  };
  // The mean of 2,000 draws scatters by deviation / 45.
  CHECK(centre(panels[0], a) == Approx(mean[0]).margin(0.1 * deviation[0]));
  CHECK(centre(panels[2], b) == Approx(mean[1]).margin(0.1 * deviation[1]));

  // The outer contour of 90 % of a normal distribution of two variables has a radius of 2.15 deviations.
  double left = 1e9, right = -1e9, low = 1e9, high = -1e9;
  for (const report::Pixel& corner : panels[1].points("deep")) {
    left = std::min(left, a(corner.x)), right = std::max(right, a(corner.x));
    low = std::min(low, b_upwards(corner.y)), high = std::max(high, b_upwards(corner.y));
  }
  CHECK(left == Approx(mean[0] - 2.15 * deviation[0]).margin(0.4 * deviation[0]));
  CHECK(right == Approx(mean[0] + 2.15 * deviation[0]).margin(0.4 * deviation[0]));
  CHECK(low == Approx(mean[1] - 2.15 * deviation[1]).margin(0.4 * deviation[1]));
  CHECK(high == Approx(mean[1] + 2.15 * deviation[1]).margin(0.4 * deviation[1]));
  CHECK(elements(*panels[1].inside, "path", "shade").size() >= 8);

  // Dashed: a's in its marginal, a's and b's in the pair's panel, b's in its marginal.
  const auto dash_at = [](const DrawnPanel& panel, size_t index) { return panel.points("truth").at(index); };
  CHECK(a(dash_at(panels[0], 0).x) == Approx(truth[0]).margin(size_of(a)));
  CHECK(a(dash_at(panels[1], 0).x) == Approx(truth[0]).margin(size_of(a)));
  CHECK(b_upwards(dash_at(panels[1], 2).y) == Approx(truth[1]).margin(size_of(b_upwards)));
  CHECK(b(dash_at(panels[2], 0).x) == Approx(truth[1]).margin(size_of(b)));
}

TEST_CASE("a prior much wider than the posterior is drawn on the diagonal as high as it is",
          "[report][corner]") {
  core::Philox random(8, core::Purpose::test);
  std::vector<double> values(4000), prior(200000);
  for (double& value : values) value = 5 + 0.1 * random.normal();
  for (double& value : prior) value = 10 * random.uniform();
  report::CornerPlot plot;
  plot.names = {"a"};
  plot.samples = {"posterior", values};
  plot.prior = {"prior", prior};
  const auto root = read_xml(report::svg_file(report::corner_figure(plot)));
  const auto panels = drawn_panels(*root);
  REQUIRE(panels.size() == 1);
  // Both densities above the axis: 0.1 of the prior, 1 / (0.1 sqrt(2 pi)) at the posterior's peak.
  const double floor = panels[0].frame->number("y") + panels[0].frame->number("height");
  double prior_top = 0, posterior_top = 0;
  for (const auto& corner : panels[0].points("prior")) prior_top = std::max(prior_top, floor - corner.y);
  for (const auto& corner : panels[0].points("area"))
    posterior_top = std::max(posterior_top, floor - corner.y);
  CHECK(posterior_top / prior_top == Approx(3.989 / 0.1).epsilon(0.25));
}

TEST_CASE("graphs of lines draw curves, bands and what is expected at their values", "[report][graph]") {
  diagnose::Graph graph;
  graph.title = "expected coverage";
  graph.x_label = "level";
  graph.y_label = "coverage";
  graph.x = {0, 0.25, 0.5, 0.75, 1};
  graph.curves = {{"a", {0, 0.3, 0.5, 0.6, 1}}, {"b", {0, 0.1, NAN, 0.7, 1}}};
  graph.low = {0, 0.2, 0.4, 0.65, 1};
  graph.high = {0, 0.35, 0.6, 0.8, 1};
  graph.diagonal = true;
  const report::Figure figure = report::graph_figure(graph);
  const auto root = read_xml(report::svg_file(figure));
  const auto panels = drawn_panels(*root);
  REQUIRE(panels.size() == 1);
  const Scale x = panels[0].x(), y = panels[0].y();
  const auto a = panels[0].points("c0");
  REQUIRE(a.size() == 5);
  for (size_t i = 0; i < a.size(); ++i) {
    CHECK(x(a[i].x) == Approx(graph.x[i]).margin(size_of(x)));
    CHECK(y(a[i].y) == Approx(graph.curves[0].y[i]).margin(size_of(y)));
  }
  CHECK(panels[0].points("c1").size() == 4);  // NaN interrupts it
  const auto band = panels[0].points("band");
  REQUIRE(band.size() >= 8);  // the upper line, then the lower one backwards; equal points are one
  CHECK(y(band[1].y) == Approx(0.35).margin(size_of(y)));
  const auto diagonal = panels[0].points("truth");
  REQUIRE(diagonal.size() == 2);
  CHECK(x(diagonal[1].x) == Approx(y(diagonal[1].y)).margin(2 * size_of(x)));
  CHECK_THAT(figure.description, ContainsSubstring("1 of 5 values lie outside the expected range"));
  REQUIRE(figure.numbers.columns.size() == 5);
  CHECK(figure.numbers.columns[0].name == "level");
}

TEST_CASE("graphs of histograms and points draw bars from zero and ranges at their points",
          "[report][graph]") {
  diagnose::Graph graph;
  graph.kind = diagnose::Graph::Kind::histogram;
  graph.title = "ranks";
  graph.x = {0, 1, 2, 4};
  graph.curves = {{"", {2, 0, 1}}};
  graph.low = {0.5, 0.5, 0.5};
  graph.high = {1.5, 1.5, 1.5};
  graph.expected = 1;
  auto root = read_xml(report::svg_file(report::graph_figure(graph)));
  auto panels = drawn_panels(*root);
  REQUIRE(panels.size() == 1);
  Scale x = panels[0].x(), y = panels[0].y();
  const auto bars = panels[0].points("pale");  // the band first, then the bars: (0,0) (0,2) (1,2) (1,0), ...
  REQUIRE(bars.size() >= 8);
  const auto first = bars[bars.size() - 8];
  CHECK(y(first.y) == Approx(0).margin(size_of(y)));
  CHECK(y(bars[bars.size() - 7].y) == Approx(2).margin(size_of(y)));
  CHECK(x(bars.back().x) == Approx(4).margin(size_of(x)));

  graph.kind = diagnose::Graph::Kind::points;
  graph.x = {3, 1, 2};
  graph.expected.reset();
  root = read_xml(report::svg_file(report::graph_figure(graph)));
  panels = drawn_panels(*root);
  x = panels[0].x(), y = panels[0].y();
  const auto points = elements(*panels[0].inside, "circle");
  REQUIRE(points.size() == 3);
  CHECK(x(points[0]->number("cx")) == Approx(3).margin(size_of(x)));
  CHECK(y(points[0]->number("cy")) == Approx(2).margin(size_of(y)));
  const auto ranges = elements(*panels[0].inside, "rect", "band");
  REQUIRE(ranges.size() == 3);
  CHECK(y(ranges[1]->number("y")) == Approx(1.5).margin(size_of(y)));
  CHECK(ranges[1]->number("height") * std::abs(y.slope) == Approx(1).margin(2 * size_of(y)));
}

TEST_CASE("the ranges of many points in order are one band", "[report][graph]") {
  diagnose::Graph graph;
  graph.kind = diagnose::Graph::Kind::points;
  graph.curves = {{"a", {}}};
  for (int i = 0; i < 100; ++i) {
    graph.x.push_back(i);
    graph.curves[0].y.push_back(0);
    graph.low.push_back(-1);
    graph.high.push_back(1);
  }
  auto root = read_xml(report::svg_file(report::graph_figure(graph)));
  CHECK(elements(*drawn_panels(*root)[0].inside, "rect", "band").empty());
  CHECK(elements(*drawn_panels(*root)[0].inside, "path", "band").size() == 1);
  std::swap(graph.x[0], graph.x[1]);
  root = read_xml(report::svg_file(report::graph_figure(graph)));
  CHECK(elements(*drawn_panels(*root)[0].inside, "rect", "band").size() == 100);
}

TEST_CASE("all graphs of findings stand in one picture with their verdicts", "[report][graph]") {
  diagnose::Finding finding;
  finding.verdict = diagnose::Verdict::fail;
  for (const std::string name : {"first", "second"}) {
    diagnose::Graph graph;
    graph.title = name;
    graph.x = {1, 2};
    graph.curves = {{"a", {3, 4}}};
    finding.graphs.push_back(graph);
  }
  std::vector<diagnose::Finding> findings(2, finding);
  findings[1].verdict = diagnose::Verdict::pass;
  findings[1].graphs.pop_back();
  findings.emplace_back();  // one without graphs
  const report::Figure figure = report::findings_figure(findings, "of a run");
  const std::string file = report::svg_file(figure);
  const auto root = read_xml(file);
  CHECK(elements(*root, "g").size() >= 3);
  for (const std::string words : {"of a run", "first: FAIL", "second: FAIL", "first: pass", "translate(440"})
    CHECK_THAT(file, ContainsSubstring(words));
  CHECK(figure.width == 880);
  CHECK(figure.height > 600);
  CHECK(figure.numbers.columns.size() == 6);
  CHECK_THROWS_AS(report::findings_figure(std::span(findings).last(1), ""), core::UserError);
}

TEST_CASE("graphs of very many points stay small, and say what they leave out", "[report][graph]") {
  diagnose::Graph graph;
  graph.title = "many";
  graph.curves = {{"a", {}}};
  for (int i = 0; i < 20000; ++i) {
    graph.x.push_back(i);
    graph.curves[0].y.push_back(i % 1000);
  }
  graph.kind = diagnose::Graph::Kind::points;
  const report::Figure points = report::graph_figure(graph);
  CHECK(report::svg_file(points).size() < 200'000);
  CHECK(points.numbers.rows() == 5000);
  CHECK(points.numbers.columns[0].values[1] == 4);
  CHECK(points.numbers.note == "5,000 of 20,000 rows, at equal distances");
  graph.kind = diagnose::Graph::Kind::lines;
  CHECK(report::svg_file(report::graph_figure(graph)).size() < 20'000);  // twenty straight lines
}

TEST_CASE("graphs without values, of one value, and with hostile names are drawn", "[report][graph]") {
  diagnose::Graph graph;
  CHECK_NOTHROW(read_xml(report::svg_file(report::graph_figure(graph))));
  graph.title = graph.x_label = graph.y_label = "a <b> & \"c\" \xFF " + std::string(300, 'w');
  graph.x = {1};
  graph.curves = {{graph.title, {INFINITY}}, {"", {5}}};
  for (int i = 0; i < 30; ++i) graph.curves.push_back({"curve " + std::to_string(i), {NAN}});
  graph.expected = -INFINITY;
  for (const auto kind : {diagnose::Graph::Kind::lines, diagnose::Graph::Kind::points}) {
    graph.kind = kind;
    const report::Figure figure = report::graph_figure(graph);
    CHECK_NOTHROW(read_xml(report::svg_file(figure)));
    CHECK(figure.height < 800);
    CHECK(report::svg_file(figure).find("and 20 more") != std::string::npos);
  }
}

TEST_CASE("no curve and no true value runs through a legend", "[report][curves][corner]") {
  report::TrainingCurves curves;
  for (int i = 1; i <= 8; ++i) {
    curves.train_loss.push_back({50.0 * i, 2 - 0.1 * i});
    curves.validation_loss.push_back({50.0 * i, 2.1 - 0.1 * i});
  }
  report::CornerPlot plot;
  plot.names = {"mass"};
  const std::vector<double> draws = far_from_zero();
  plot.samples = {"posterior", draws};
  plot.truth = {5e6};
  plot.panel = GENERATE(0, 300);
  for (const report::Figure& figure : {report::curves_figure(curves), report::corner_figure(plot)}) {
    const auto root = read_xml(report::svg_file(figure));
    const auto panels = drawn_panels(*root);
    REQUIRE(!panels.empty());
    int entries = 0;
    for (const Element* text : elements(*root, "text")) {
      for (const char* entry : {"training", "validation", "best", "posterior", "true"}) {
        if (!text->text.starts_with(entry)) continue;
        ++entries;
        CHECK(text->number("y") < panels[0].frame->number("y"));
      }
    }
    CHECK(entries >= 2);
  }
  const auto root = read_xml(report::svg_file(report::curves_figure(curves)));
  const auto panels = drawn_panels(*root);
  const Element& ring = *elements(*panels[0].inside, "circle").back();  // at the last step, whole
  CHECK(ring.number("cx") + ring.number("r") <=
        panels[0].inside->number("x") + panels[0].inside->number("width"));
}

TEST_CASE("the words of a corner plot tell draws apart that lie far from zero", "[report][corner]") {
  report::CornerPlot plot;
  plot.names = {"mass"};
  const std::vector<double> draws = far_from_zero();
  plot.samples = {"posterior", draws};
  CHECK_THAT(report::corner_figure(plot).description, ContainsSubstring("90 % from 4999999.0"));
}
