#include <cmath>
#include <limits>

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "report/drawn.hpp"
#include "report/figure.hpp"
#include "report/panel.hpp"
#include "report/style.hpp"
#include "report/svg.hpp"

using namespace fluxsbi;
using namespace fluxsbi::report::test;
using Catch::Approx;
using Catch::Matchers::ContainsSubstring;
using report::Pixel;

namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

report::Figure figure_of(report::Svg svg) {
  return {"t", "d", 100, 80, std::move(svg), {}};
}

}  // namespace

TEST_CASE("names become labels, Greek where they are Greek", "[report][svg]") {
  const auto label = [](const char* name) {
    const report::Label found = report::variable_label(name);
    return found.text + "|" + found.subscript;
  };
  CHECK(label("theta_0") == "θ|0");
  CHECK(label("beta") == "β|");
  CHECK(label("x_12") == "x|12");
  CHECK(label("halo_mass") == "halo_mass|");
  CHECK(label("omega_m") == "ω|m");
  CHECK(label("") == "|");
}

TEST_CASE("any text may stand in XML once it is escaped", "[report][svg]") {
  CHECK(report::escaped("a<b & \"c\" > 'd'") == "a&lt;b &amp; &quot;c&quot; &gt; &#39;d&#39;");
  CHECK(report::escaped("Größe θ 漢 😀") == "Größe θ 漢 😀");
  // A cut character, an overlong one, a surrogate, a control character, a noncharacter.
  CHECK(report::escaped("a\xC3") == "a\uFFFD");
  CHECK(report::escaped("\xC0\xAFz") == "\uFFFD\uFFFDz");
  CHECK(report::escaped("\xED\xA0\x80") == "\uFFFD\uFFFD\uFFFD");
  CHECK(report::escaped(std::string("a\0b\x1B", 4)) == "a\uFFFDb\uFFFD");
  CHECK(report::escaped("\xEF\xBF\xBF") == "\uFFFD\uFFFD\uFFFD");

  report::Svg svg;
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  svg.text({all, all}, {1, 2});
  report::Figure figure = figure_of(svg);
  figure.title = figure.description = all;
  CHECK_NOTHROW(read_xml(report::svg_file(figure)));
  CHECK_NOTHROW(read_xml(report::inline_svg(figure)));
}

TEST_CASE("text that is not well-formed is found by the reader of these tests", "[report][svg]") {
  for (const char* broken :
       {"<a>", "<a></b>", "<a b=\"1\" b=\"2\"/>", "<a b='1'/>", "<a>&nbsp;</a>", "<a>x & y</a>", "<a/><b/>",
        "<a b=\"<\"/>", "<a>\x01</a>", "<a>\xFF</a>", "<a b=\"1\"c=\"2\"/>"})
    CHECK_THROWS_AS(read_xml(broken), std::runtime_error);
}

TEST_CASE("coordinates are tenths of a pixel, short and without drift", "[report][svg]") {
  CHECK(report::pixel_text(12.34) == "12.3");
  CHECK(report::pixel_text(-0.06) == "-.1");
  CHECK(report::pixel_text(-0.04) == "0");
  CHECK(report::pixel_text(7) == "7");
  CHECK(report::pixel_text(unknown) == "0");
  CHECK(report::pixel_text(1e300) == "1000000");

  std::vector<Pixel> line;
  for (int i = 0; i < 1000; ++i) line.push_back({0.333 * i, 50 + 40 * std::sin(0.37 * i)});
  report::Svg svg;
  svg.polyline(line, "line");
  const auto root = read_xml(report::svg_file(figure_of(svg)));
  const auto drawn = path_points(*elements(*root, "path").front());
  REQUIRE(drawn.size() == line.size());
  for (size_t i = 0; i < line.size(); ++i) {
    CHECK(std::abs(drawn[i].x - line[i].x) < 0.0501);
    CHECK(std::abs(drawn[i].y - line[i].y) < 0.0501);
  }
}

TEST_CASE("a line is broken where a point is unknown, and a point alone is a dot", "[report][svg]") {
  report::Svg svg;
  const std::vector<Pixel> points{{0, 1}, {2, 3}, {unknown, 0}, {9, 8}, {5, unknown}, {4, 5}, {6, 7}};
  svg.polyline(points, "line");
  svg.line({0, unknown}, {1, 1}, "line");
  svg.circle({unknown, 1}, 2, "line");
  const auto root = read_xml(report::svg_file(figure_of(svg)));
  const auto paths = elements(*root, "path");
  REQUIRE(paths.size() == 1);
  CHECK(paths[0]->attribute("d") == "M0 1l2 2M4 5l2 2");
  const auto dots = elements(*root, "circle");
  REQUIRE(dots.size() == 1);
  CHECK(dots[0]->number("cx") == 9);
  CHECK(dots[0]->number("cy") == 8);
}

TEST_CASE("a panel maps values to pixels, y upwards", "[report][svg][panel]") {
  const report::Panel panel{100, 20, 200, 50, {-1, 3, 1}, {10, 20, 1}};
  CHECK(panel.x_of(-1) == Approx(100));
  CHECK(panel.x_of(3) == Approx(300));
  CHECK(panel.x_of(0) == Approx(150));
  CHECK(panel.y_of(10) == Approx(70));
  CHECK(panel.y_of(20) == Approx(20));
  CHECK(panel.y_of(12.5) == Approx(57.5));

  const std::vector<double> edges{-1, 0, 1, 2, 3}, heights{12, 0, 15, unknown};
  const auto bars = report::bar_outlines(panel, edges, heights, 10);
  REQUIRE(bars.size() == 2);  // the empty bar and the unknown one leave gaps
  REQUIRE(bars[1].size() == 4);
  CHECK(bars[1][1].x == Approx(200));
  CHECK(bars[1][1].y == Approx(45));
  const std::vector<double> x{0, 1, 2, 3}, low{11, 11, unknown, 11}, high{12, 13, 14, 15};
  const auto bands = report::band_outlines(panel, x, low, high);
  REQUIRE(bands.size() == 1);
  CHECK(bands[0].size() == 4);
}

TEST_CASE("a simplified line stays within its tolerance", "[report][svg]") {
  std::vector<Pixel> circle;
  for (int i = 0; i <= 400; ++i)
    circle.push_back({50 * std::cos(i * M_PI / 200), 50 * std::sin(i * M_PI / 200)});
  const auto few = report::simplified(circle, 0.2);
  CHECK(few.size() < 80);
  CHECK(few.size() > 20);
  CHECK(few.front().x == circle.front().x);
  CHECK(few.back().x == circle.back().x);
  for (size_t i = 1; i < few.size(); ++i)  // a chord's middle is nearest to the centre
    CHECK(std::hypot((few[i - 1].x + few[i].x) / 2, (few[i - 1].y + few[i].y) / 2) > 50 - 0.2);
}

TEST_CASE("texts are broken at blanks, and words that are too long are cut", "[report][svg]") {
  const auto lines = report::wrapped("coverage of the central regions", 10, 72);  // 13 letters
  CHECK(lines == std::vector<std::string>{"coverage of", "the central", "regions"});
  const auto cut = report::wrapped("θθθθθθθθθθθθθθθθθθθθ x", 10, 55);
  REQUIRE(cut.size() == 2);
  CHECK(cut[0] == "θθθθθθθθθ…");
  CHECK(report::wrapped("", 10, 60).empty());
}

TEST_CASE("a figure says in words what it shows, and holds its numbers as CSV", "[report][svg]") {
  report::Figure figure = figure_of({});
  figure.title = "T <1>";
  figure.description = "A & B";
  const auto root = read_xml(report::svg_file(figure));
  CHECK(root->attribute("role") == "img");
  CHECK(elements(*root, "title").at(0)->text == "T <1>");
  CHECK(elements(*root, "desc").at(0)->text == "A & B");
  CHECK(root->attribute("viewBox") == "0 0 100 80");
  CHECK(report::inline_svg(figure).find("http") == std::string::npos);

  const report::Numbers numbers{{{"a,b", {1, unknown, 1.0 / 3}}, {"say \"x\"", {1e-20}}}, ""};
  CHECK(numbers.rows() == 3);
  CHECK(report::csv_text(numbers) == "\"a,b\",\"say \"\"x\"\"\"\n1,1e-20\n,\n0.3333333,\n");
}

TEST_CASE("the style sheet is dark on screens alone and knows every class of series", "[report][svg]") {
  const std::string sheet(report::style::figure_sheet());
  CHECK_THAT(sheet, ContainsSubstring("@media screen and (prefers-color-scheme:dark)"));
  CHECK(sheet.find_first_of("<&") == std::string::npos);
  const size_t dark = sheet.find("@media");
  for (int i = 0; i < report::style::shades; ++i) {
    const std::string rule = ".figure .s" + std::to_string(i) + "{";
    CHECK(sheet.find(rule) < dark);
    CHECK(sheet.find(rule, dark) != std::string::npos);
  }
  for (int i = 0; i < report::style::series; ++i) {
    const std::string rule = ".figure .c" + std::to_string(i) + "{";
    CHECK(sheet.find(rule) < dark);
    CHECK(sheet.find(rule, dark) != std::string::npos);
  }
  CHECK(report::style::curve_class(3) == "line c3");
  CHECK(report::style::curve_class(11) == "line c3 dash");
  CHECK(report::style::grouped(-1234567) == "-1,234,567");
  CHECK(report::style::grouped(-123) == "-123");
}
