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
#include "report/gnuplot.hpp"

using namespace fluxsbi;
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

size_t occurrences(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
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

TEST_CASE("a corner plot's script has a panel for each parameter and pair", "[report][corner]") {
  const std::vector<double> values = draws(900), reference = draws(600);
  report::CornerPlot plot;
  plot.names = {"theta_0", "halo_mass", "it's"};
  plot.samples = {"posterior", values};
  const std::string plain = report::corner_script(plot).text;
  CHECK(occurrences(plain, "with image") == 3);
  CHECK(occurrences(plain, "with fillsteps") == 3);
  CHECK(occurrences(plain, "$LinesR") == 0);
  CHECK_THAT(plain, ContainsSubstring("'θ_{0}'") && ContainsSubstring("'halo\\_mass'") &&
                        ContainsSubstring("'it''s'"));
  CHECK_THAT(plain, ContainsSubstring("posterior (300 draws)"));
  CHECK_THAT(plain, !ContainsSubstring("true parameters"));

  plot.reference = {"reference", reference};
  plot.truth = {0.25, 0.5, NAN};
  plot.title = "two_moons";
  const std::string full = report::corner_script(plot).text;
  CHECK(occurrences(full, "using 1:2 with lines") == 6);
  CHECK_THAT(full, ContainsSubstring("reference (200 draws)") && ContainsSubstring("true parameters") &&
                       ContainsSubstring("'two\\_moons'"));
  // theta_0 is a column of 3 panels and no row; halo_mass a column of 2 and a row of 1; an unknown value has
  // no line
  CHECK(occurrences(full, "set arrow from 0.25, graph 0") == 3);
  CHECK(occurrences(full, "set arrow from 0.5, graph 0") == 2);
  CHECK(occurrences(full, "first 0.5 to graph 1") == 1);
}

TEST_CASE("a corner plot draws the prior's marginals on the diagonal", "[report][corner]") {
  const std::vector<double> values = draws(400);
  report::CornerPlot plot;
  plot.names = {"a", "b"};
  plot.samples = {"posterior", values};
  plot.prior = {{{-1, 0.5}, {1, 0.5}}, {{0, 0.125}, {8, 0.125}}};
  const std::string text = report::corner_script(plot).text;
  CHECK(occurrences(text, ", $Prior0 with lines") == 1);
  CHECK(occurrences(text, ", $Prior1 with lines") == 1);
  CHECK_THAT(text, ContainsSubstring("$Prior1 << EOD\n0 0.125\n8 0.125\nEOD\n"));
  CHECK_THAT(text, ContainsSubstring("'prior'"));
  plot.prior.pop_back();
  CHECK_THROWS_AS(report::corner_script(plot), core::UserError);
}

TEST_CASE("a corner plot leaves out rows that could not be filled", "[report][corner]") {
  std::vector<double> values = draws(40);
  values[3] = NAN;
  values[8] = INFINITY;
  report::CornerPlot plot;
  plot.names = {"a", "b"};
  plot.samples = {"posterior", values};
  CHECK_THAT(report::corner_script(plot).text, ContainsSubstring("posterior (18 draws)"));
}

TEST_CASE("a corner plot refuses what it cannot draw", "[report][corner][error]") {
  const std::vector<double> values = draws(12), nothing(12, NAN);
  report::CornerPlot plot;
  const auto fails = [&](const std::string& part) {
    CHECK_THROWS_MATCHES(report::corner_script(plot), core::UserError,
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

TEST_CASE("corner plots are written as PNG and SVG of the right size", "[report][corner][gnuplot]") {
  if (!report::has_gnuplot()) SKIP("gnuplot is not installed");
  const Folder folder;
  const std::vector<double> values = draws(1000);
  for (const size_t d : {1, 2, 4}) {
    CAPTURE(d);
    report::CornerPlot plot;
    plot.names.assign(d, "theta_0");
    plot.samples = {"posterior", values};
    plot.truth.assign(d, 0.1);
    plot.title = "a 'title' with \"quotes\" and $X";
    const std::string path = folder.file("corner.png");
    report::draw_corner(plot, path);
    const std::string bytes = read(path);
    REQUIRE(bytes.size() > 5000);
    CHECK(bytes.substr(0, 8) == "\x89PNG\r\n\x1a\n");
    const auto size = static_cast<unsigned>(report::corner_script(plot).size);
    CHECK(number_at(bytes, 16) == size);
    CHECK(number_at(bytes, 20) == size);
    if (d == 2) CHECK(size == 900);
    report::draw_corner(plot, folder.file("corner.svg"));
    CHECK_THAT(read(folder.file("corner.svg")), ContainsSubstring("<svg") && ContainsSubstring("posterior"));
  }
  CHECK(folder.count() == 2);
}

TEST_CASE("pictures that cannot be drawn leave no file and say what to do", "[report][gnuplot][error]") {
  const Folder folder;
  const auto fails = [](const std::string& script, const std::string& path, const std::string& part) {
    CHECK_THROWS_MATCHES(report::draw(script, 300, 300, path), core::UserError,
                         MessageMatches(ContainsSubstring(part)));
  };
  fails("plot x", folder.file("a.jpg"), "pictures are written as .png or .svg");
  {
    const WithoutPath no_gnuplot;
    CHECK_FALSE(report::has_gnuplot());
    fails("plot x", folder.file("a.png"), "gnuplot was not found; install gnuplot");
  }
  CHECK(folder.count() == 0);
  if (!report::has_gnuplot()) SKIP("gnuplot is not installed: its own errors are not tested");
  fails("plot nonsense(x)", folder.file("a.png"), "undefined function: nonsense");
  CHECK(folder.count() == 0);
  fails("plot x", folder.file("missing/a.png"), "make its folder first");
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
  const std::string script = report::curves_script(curves);
  CHECK_THAT(script, ContainsSubstring("best 1.5 at step 20") && ContainsSubstring("learning rate"));
  if (!report::has_gnuplot()) SKIP("gnuplot is not installed");
  report::draw_training_curves(folder.file("metrics.jsonl"), folder.file("curves.png"));
  const std::string bytes = read(folder.file("curves.png"));
  REQUIRE(bytes.size() > 3000);
  CHECK(number_at(bytes, 16) == 1000);
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
