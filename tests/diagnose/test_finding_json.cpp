#include <cmath>
#include <limits>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "core/error.hpp"
#include "diagnose/finding_json.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace {

diagnose::Finding full_finding() {
  diagnose::Finding finding;
  finding.test = "sbc";
  finding.variable = "mass <\"θ\"> \\";
  finding.statistic = "KS distance of the ranks from uniform";
  finding.value = 0.1 + 0.2;
  finding.high = 0.06;
  finding.standard_error = 1e-300;
  finding.p_value = 0.25;
  finding.verdict = diagnose::Verdict::fail;
  finding.meaning = "Too narrow.";
  finding.next = "Train longer.";
  diagnose::Graph graph;
  graph.kind = diagnose::Graph::Kind::histogram;
  graph.title = "ranks";
  graph.x_label = "rank";
  graph.y_label = "share";
  graph.x = {0, 0.5, std::numeric_limits<double>::infinity()};
  graph.curves = {{"mass", {1, std::nan("")}}};
  graph.low = {0.5, 0.5};
  graph.high = {1.5, 1.5};
  graph.expected = 1;
  graph.diagonal = true;
  finding.graphs = {graph};
  finding.given = "x_0, x_1";
  return finding;
}

}  // namespace

TEST_CASE("findings come back from JSON as they were, with NaN and infinities", "[diagnose][json]") {
  diagnose::Finding plain;
  plain.test = "sharpness";
  const std::vector<diagnose::Finding> written{full_finding(), plain};
  const auto read = diagnose::findings_from_json(diagnose::to_json(written), "f.json");
  REQUIRE(read.size() == 2);
  const diagnose::Finding &full = written[0], &same = read[0];
  CHECK(same.test == full.test);
  CHECK(same.variable == full.variable);
  CHECK(same.given == full.given);
  CHECK(same.statistic == full.statistic);
  CHECK(same.value == full.value);  // every bit
  CHECK(std::isnan(same.low));
  CHECK(same.high == full.high);
  CHECK(same.standard_error == full.standard_error);
  CHECK(same.p_value == full.p_value);
  CHECK(same.verdict == full.verdict);
  CHECK(same.meaning == full.meaning);
  CHECK(same.next == full.next);
  REQUIRE(same.graphs.size() == 1);
  const diagnose::Graph& graph = same.graphs[0];
  CHECK(graph.kind == diagnose::Graph::Kind::histogram);
  CHECK(graph.title == "ranks");
  CHECK(graph.x_label == "rank");
  CHECK(graph.y_label == "share");
  CHECK(graph.x == full.graphs[0].x);
  REQUIRE(graph.curves.size() == 1);
  CHECK(graph.curves[0].label == "mass");
  CHECK(graph.curves[0].y[0] == 1);
  CHECK(std::isnan(graph.curves[0].y[1]));
  CHECK(graph.low == full.graphs[0].low);
  CHECK(graph.high == full.graphs[0].high);
  CHECK(graph.expected == 1);
  CHECK(graph.diagonal);
  CHECK(std::isnan(read[1].value));
  CHECK_FALSE(read[1].p_value.has_value());
  CHECK(read[1].verdict == diagnose::Verdict::measured);
  CHECK(read[1].graphs.empty());
}

TEST_CASE("text that holds no findings is refused with its place", "[diagnose][json][error]") {
  const auto fails = [](const std::string& text, const std::string& part) {
    CHECK_THROWS_MATCHES(diagnose::findings_from_json(text, "f.json"), core::UserError,
                         MessageMatches(ContainsSubstring("f.json") && ContainsSubstring(part)));
  };
  fails("", "is not a JSON array of findings");
  fails("{}", "is not a JSON array of findings");
  fails("[1]", "finding 0 is not an object");
  fails(R"([{"verdict": "pass"}, {"verdict": "maybe"}])", "finding 1 holds a key 'verdict' that is 'maybe'");
  fails(R"([{"verdict": "pass", "value": "much"}])", "'value' that holds something other than numbers");
  fails(R"([{"verdict": "pass", "graphs": [{"kind": "lines", "x": [1, 2], "curves": [{"y": [1]}]}]}])",
        "finding 0, graphs 0, curves 0 has 1 values, its graph needs 2");
  fails(R"([{"verdict": "pass", "graphs": [{"kind": "histogram", "x": [1, 2], "low": [1, 2]}]}])",
        "graphs 0 has a band of 2 values, not of 1");
}
