#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <unistd.h>

#include "core/error.hpp"
#include "core/philox.hpp"
#include "report/corner.hpp"
#include "report/curves.hpp"
#include "report/drawn.hpp"
#include "report/picture.hpp"

using namespace fluxsbi;
using namespace fluxsbi::report::test;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace {

struct Folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("fluxsbi-report-" + std::to_string(getpid()));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file(const std::string& name) const { return (path / name).string(); }
  size_t count() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path), {}));
  }
};

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<double> draws(size_t count) {
  core::Philox random(4, core::Purpose::test);
  std::vector<double> values(count);
  for (double& value : values) value = static_cast<double>(random.normal());
  return values;
}

// Big-endian 32-bit number of a PNG header.
unsigned number_at(const std::string& bytes, size_t at) {
  unsigned value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

void write(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

class WithoutPath {
 public:
  WithoutPath() : before_(std::getenv("PATH")) { setenv("PATH", "/nowhere", 1); }
  ~WithoutPath() { setenv("PATH", before_.c_str(), 1); }

 private:
  std::string before_;
};

}  // namespace

TEST_CASE("a corner plot has a panel for each parameter and pair, with everything that is given",
          "[report][corner]") {
  const std::vector<double> values = draws(900), reference = draws(600);
  report::CornerPlot plot;
  plot.names = {"theta_0", "halo_mass", "<it's> & \"so\""};
  plot.samples = {"posterior", values};
  const auto inside = [](const Element& root, const char* name, const char* of_class) {
    size_t count = 0;
    for (const DrawnPanel& panel : drawn_panels(root))
      count += elements(*panel.inside, name, of_class).size();
    return count;
  };
  const std::string plain = report::svg_file(report::corner_figure(plot));
  const auto first = read_xml(plain);
  CHECK(drawn_panels(*first).size() == 6);
  CHECK(inside(*first, "path", "area") == 3);
  CHECK(inside(*first, "path", "other") == 0);
  CHECK(inside(*first, "path", "truth") == 0);
  CHECK_THAT(plain, ContainsSubstring(">θ<tspan") && ContainsSubstring(">halo_mass<") &&
                        ContainsSubstring("&lt;it&#39;s&gt; &amp; &quot;so&quot;"));
  CHECK_THAT(plain, ContainsSubstring("posterior (300 draws)") && !ContainsSubstring("true parameters"));

  plot.reference = {"reference", reference};
  plot.prior = {"prior", reference};
  plot.truth = {0.25, 0.5, NAN};
  plot.title = "two_moons";
  const std::string full = report::svg_file(report::corner_figure(plot));
  const auto second = read_xml(full);
  CHECK(inside(*second, "path", "other") >= 3 + 3 * 2);  // a histogram each, two contours or more a pair
  CHECK(inside(*second, "path", "prior") >= 3);
  CHECK_THAT(full, ContainsSubstring("reference (200 draws)") && ContainsSubstring("true parameters") &&
                       ContainsSubstring(">two_moons<") && ContainsSubstring(">prior<"));
  // theta_0 is a column of 3 panels and no row; halo_mass a column of 2 and a row of 1; an unknown value has
  // no line
  CHECK(inside(*second, "path", "truth") == 6);
}

TEST_CASE("a corner plot leaves out rows that could not be filled", "[report][corner]") {
  std::vector<double> values = draws(40);
  values[3] = NAN;
  values[8] = INFINITY;
  report::CornerPlot plot;
  plot.names = {"a", "b"};
  plot.samples = {"posterior", values};
  const report::Figure figure = report::corner_figure(plot);
  CHECK_THAT(report::svg_file(figure), ContainsSubstring("posterior (18 draws)"));
  CHECK(figure.numbers.rows() == 18);
}

TEST_CASE("a corner plot of one draw, of equal draws and of many parameters is drawn", "[report][corner]") {
  const std::vector<double> one = draws(3), same(90, 2.5), many = draws(13 * 200);
  report::CornerPlot plot;
  plot.names = {"a", "b", "c"};
  for (const auto* values : {&one, &same}) {
    plot.samples = {"posterior", *values};
    CHECK_NOTHROW(read_xml(report::svg_file(report::corner_figure(plot))));
  }
  CHECK_THAT(report::svg_file(report::corner_figure({plot.names, {"posterior", one}, {}, {}, {}, "", {}, 0})),
             ContainsSubstring("posterior (1 draw)") && !ContainsSubstring("contours hold"));
  plot.names.assign(13, "a name of more letters than fit beside a panel");
  plot.samples = {"posterior", many};
  plot.panel = 100;
  const std::string svg = report::svg_file(report::corner_figure(plot));
  CHECK(drawn_panels(*read_xml(svg)).size() == 91);
  CHECK(svg.size() < 2'000'000);
}

TEST_CASE("a corner plot refuses what it cannot draw", "[report][corner][error]") {
  const std::vector<double> values = draws(12), nothing(12, NAN);
  report::CornerPlot plot;
  const auto fails = [&](const std::string& part) {
    CHECK_THROWS_MATCHES(report::corner_figure(plot), core::UserError,
                         MessageMatches(ContainsSubstring(part)));
  };
  plot.samples = {"posterior", values};
  fails("1 to 40 parameters, not 0");
  plot.names.assign(41, "a");
  fails("1 to 40 parameters, not 41; choose some of them");
  plot.names.assign(5, "a");
  fails("posterior does not have 5 columns");
  plot.names.assign(2, "a");
  plot.truth = {1};
  fails("one entry for each of the 2 names");
  plot.truth.clear();
  plot.limits = {{0, 1}, {1, 1}};
  fails("lower end is not below its upper end");
  plot.limits.clear();
  plot.samples.values = nothing;
  fails("posterior holds no finite draw");
}

TEST_CASE("figures are written as SVG and PNG of the right size", "[report][picture]") {
  if (!report::has_png()) SKIP("rsvg-convert is not installed");
  const Folder folder;
  const std::vector<double> values = draws(1000);
  for (const size_t d : {1, 2, 4}) {
    CAPTURE(d);
    report::CornerPlot plot;
    plot.names.assign(d, "theta_0");
    plot.samples = {"posterior", values};
    plot.truth.assign(d, 0.1);
    plot.title = "a 'title' with \"quotes\" & <brackets>";
    const report::Figure figure = report::corner_figure(plot);
    report::write_picture(figure, folder.file("corner.png"));
    const std::string bytes = read(folder.file("corner.png"));
    REQUIRE(bytes.size() > 5000);
    CHECK(bytes.substr(0, 8) == "\x89PNG\r\n\x1a\n");
    CHECK(number_at(bytes, 16) == static_cast<unsigned>(figure.width));
    CHECK(number_at(bytes, 20) == static_cast<unsigned>(figure.height));
    if (d == 2) CHECK(figure.width == 900);
    report::write_picture(figure, folder.file("corner.svg"));
    CHECK(read(folder.file("corner.svg")) == report::svg_file(figure));
  }
  CHECK(folder.count() == 2);
}

TEST_CASE("pictures that cannot be drawn leave no file, and SVG takes the place of PNG without its program",
          "[report][picture][error]") {
  const Folder folder;
  const report::Figure figure{"t", "d", 30, 30, {}, {}};
  const auto fails = [&](const std::string& path, const std::string& part) {
    CHECK_THROWS_MATCHES(report::write_picture(figure, path), core::UserError,
                         MessageMatches(ContainsSubstring(part)));
  };
  fails(folder.file("a.jpg"), "pictures are written as .png or .svg");
  {
    const WithoutPath no_converter;
    CHECK_FALSE(report::has_png());
    CHECK(report::write_picture(figure, folder.file("a.png")) ==
          folder.file("a.svg"));  // which needs no program
    CHECK(read(folder.file("a.svg")) == report::svg_file(figure));
    CHECK(folder.count() == 1);
    fails(folder.file("a.png"), "use --force to replace it");
    CHECK(report::write_picture(figure, folder.file("a.PNG"), true) == folder.file("a.svg"));
  }
  fails(folder.file("missing/a.svg"), "make its folder first");
}

TEST_CASE("training curves are read from metrics.jsonl", "[report][curves]") {
  const Folder folder;
  write(folder.file("metrics.jsonl"),
        "{\"step\": 10, \"train_loss\": 2.5, \"lr\": 0.001, \"grad_norm\": 1}\n"
        "{\"step\": 20, \"train_loss\": 2.0, \"lr\": 0.002, \"val_loss\": 1.5}\n"
        "{\"step\": 30, \"train_loss\": null, \"lr\": 0.001, \"val_loss\": 1.75}\n"
        "{\"step\": 40, \"train_lo");
  const report::TrainingCurves curves = report::read_metrics(folder.file("metrics.jsonl"));
  REQUIRE(curves.train_loss.size() == 2);
  CHECK(curves.train_loss[1].step == 20);
  CHECK(curves.train_loss[1].value == 2.0);
  CHECK(curves.learning_rate.size() == 3);
  REQUIRE(curves.best().has_value());
  CHECK(curves.best()->step == 20);
  CHECK(curves.best()->value == 1.5);
}

TEST_CASE("metrics that are broken or empty are refused with their line", "[report][curves][error]") {
  const Folder folder;
  const auto fails = [&](const std::string& text, const std::string& part) {
    write(folder.file("metrics.jsonl"), text);
    CHECK_THROWS_MATCHES(report::read_metrics(folder.file("metrics.jsonl")), core::UserError,
                         MessageMatches(ContainsSubstring(part)));
  };
  fails("{\"step\": 1, \"train_loss\": 1}\nnonsense\n{\"step\": 2}\n", "metrics.jsonl:2: not a JSON object");
  fails("{\"train_loss\": 1}\n", "metrics.jsonl:1");
  fails("", "holds no losses yet");
  fails("{\"step\": 1, \"lr\": 0.1}\n", "holds no losses yet");
  CHECK_THROWS_AS(report::read_metrics(folder.file("missing.jsonl")), core::UserError);
}
